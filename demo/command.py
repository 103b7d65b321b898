"""The command behind `python3 demo`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from demo.toolchain.environment import packages_of, python_with
from demo.toolchain.npm_package import npm_package
from demo.toolchain.places import ROOT
from demo.toolchain.progress import SetupError, say
from demo.toolchain.runtime import pyodide_dir, require_node
from demo.toolchain.server import Server, port_error
from demo.toolchain.wheels import wheels_dir

_INTERRUPTED = 130
_PORTS = 65_536
_SIGNALING_REQUIREMENTS = ROOT / "demo" / "requirements-signaling.txt"


def main() -> int:
    """Serve until Ctrl-C; returns the exit code."""
    options = _parser().parse_args()
    # A shell that starts a program in the background has it ignore Ctrl-C's signal.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    programs = {"signaling": _serve_signaling, "npm": _pack, None: _serve_board}
    return programs[options.what](options)


def _serve_board(options: argparse.Namespace) -> int:
    serving = False
    try:
        # The port is taken before anything is installed: one that is in use shows at once.
        with Server({"/": ROOT / "demo" / "site"}, options.port) as server:
            server.routes = {**_built(), **server.routes}
            url, advice = server.url, "Open it in two tabs."
            if options.signaling is not None:
                url += f"#signaling={_signaling_beside(options.signaling)}"
                advice = "It has a link that invites another browser."
            serving = True
            say(f"\n  The board is at {url}\n  {advice} Ctrl-C stops it.\n")
            if not options.no_browser and _has_screen():
                webbrowser.open(url)
            server.serve_forever()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\n  Stopped.")
        return 0 if serving else _INTERRUPTED
    return 0


def _serve_signaling(options: argparse.Namespace) -> int:
    serving = False

    def ready(url: str) -> None:
        nonlocal serving
        serving = True
        say(f"\n  The signalling server is at {url}\n  It speaks y-webrtc's protocol. Ctrl-C stops it.\n")

    try:
        sys.path.insert(0, str(signaling_packages()))
        from demo.signaling import serve_forever  # noqa: PLC0415 - there since the line before

        try:
            asyncio.run(serve_forever(options.host, options.port, ready))
        except OSError as error:
            raise port_error(options.port, error) from error
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\n  Stopped.")
        return 0 if serving else _INTERRUPTED
    return 0


def _signaling_beside(port: int) -> str:
    """Serve signalling in the background until the program ends; returns the URL."""
    sys.path.insert(0, str(signaling_packages()))
    from demo.signaling import serve_forever  # noqa: PLC0415 - there since the line before

    begun: Future[str] = Future()

    def serve() -> None:
        try:
            asyncio.run(serve_forever("127.0.0.1", port, begun.set_result))
        except OSError as error:
            begun.set_exception(port_error(port, error, "--signaling"))

    threading.Thread(target=serve, daemon=True).start()
    return begun.result()


def _pack(_: argparse.Namespace) -> int:
    try:
        say(f"\n  The npm package is {npm_package()}\n")
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def signaling_packages() -> Path:
    """Return the directory with what the signalling server imports, made if it is not there yet."""
    return packages_of(python_with("signaling", _SIGNALING_REQUIREMENTS))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 demo",
        description="Build webraft_web, serve its demo on this machine, and open it in a browser.",
    )
    parser.add_argument(
        "--port", type=_port, default=8000, help="port to serve on; 0 takes any free one (%(default)s)"
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, but open no browser")
    parser.add_argument(
        "--signaling",
        nargs="?",
        type=_port,
        const=4444,
        metavar="PORT",
        help="serve signalling as well, at this port (%(const)s), so that several browsers can share a board",
    )
    programs = parser.add_subparsers(dest="what", metavar="[signaling | npm]")
    signaling = programs.add_parser(
        "signaling",
        help="serve signalling instead, for rooms across browsers",
        description="Serve signalling for rooms across browsers, by y-webrtc's protocol.",
    )
    signaling.add_argument(
        "--port", type=_port, default=4444, help="port to serve on; 0 takes any free one (%(default)s)"
    )
    signaling.add_argument(
        "--host", default="127.0.0.1", help="address to serve at: by default this machine alone reaches it"
    )
    programs.add_parser(
        "npm",
        help="pack the npm package for JavaScript pages instead",
        description="Pack npm's webraft-web, with the wheels that it loads.",
    )
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) >= _PORTS:
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to {_PORTS - 1}, not {text}")
    return int(text)


def _built() -> Mapping[str, Path]:
    require_node()
    say("Getting the demo ready")
    return {"/pyodide/": pyodide_dir(), "/wheels/": wheels_dir()}


def _has_screen() -> bool:
    """Tell whether a browser would have somewhere to show: not so on a bare Linux server."""
    return not sys.platform.startswith("linux") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
