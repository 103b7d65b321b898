"""The command behind `python -m webraft_web.peer`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from webraft_web.core.errors import ClusterConflictError, OutcomeUnknownError, StorageError, WebraftError
from webraft_web.document import SharedDocument
from webraft_web.peer.process import STORE, Process
from webraft_web.site.connection import Connection
from webraft_web.site.invitation import read_link
from webraft_web.site.network import PUBLIC

SECRET_VARIABLE: Final = "WEBRAFT_SECRET"  # noqa: S105 - its name is none
LOOK_EVERY_S: Final = 0.25
RECOVER_AFTER_S: Final = 20
"""How long a majority has to be missing: at first everybody is, and two clusters of one room are no help."""
_IN_CONFLICT: Final = (
    "; or end this process and move the room's file away, and what the others hold is fetched anew"
)


def main(arguments: Sequence[str]) -> int:
    """Take part in a room until interrupted; returns the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.room is None and options.link is None:
        parser.error("which room? Give its name, or --link with an invitation")
    if options.link == "-":
        options.link = sys.stdin.readline().strip()
    logging.basicConfig(
        format="%(asctime)s %(name)s: %(message)s", level=logging.INFO if options.verbose else logging.ERROR
    )
    try:
        return asyncio.run(_export(options) if options.export else _take_part(options))
    except (WebraftError, OSError, UnicodeError) as error:
        print(f"webraft_web.peer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1  # asked twice: without goodbye


async def _take_part(options: argparse.Namespace) -> int:
    process = Process(Path(options.store))
    connection = await process.enter(
        options.room,
        link=options.link,
        initial=None,
        signaling=options.signaling,
        secret=_secret(options),
        ice_servers=options.ice_server,
        voters=options.voters,
        may_found=options.found,
    )
    _say(f"room {connection.room!r}, kept in {process.platform.path(connection.room)}")
    joining = asyncio.ensure_future(connection.joined())
    report = _Report(process, connection, joining)
    with _interruption() as is_interrupted:
        try:
            while not is_interrupted.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(is_interrupted.wait(), LOOK_EVERY_S)
                if joining.done():
                    joining.result()  # or what is wrong
                report.look()
                if options.recover and report.missed_for_s() > RECOVER_AFTER_S:
                    options.recover = not await _recover(connection)
        finally:
            joining.cancel()
            await process.say_goodbye()
    _say("said goodbye")
    return 0


async def _recover(connection: Connection) -> bool:
    """Go on without the majority; return whether that is done, or had better be asked for again."""
    try:
        await connection.recover()
    except OutcomeUnknownError as error:
        _say(f"not recovered yet: {error}")
        return False
    _say("recovered: this is a new cluster, with what was kept here; links invite to it anew")
    return True


async def _export(options: argparse.Namespace) -> int:
    """Print the document as it is kept, whether or not a process takes part with it just now."""
    room = options.room or read_link(options.link)[0]
    exported = json.loads(await Process(Path(options.store)).page.export_room(room))
    text = json.dumps(exported["document"], indent=2, ensure_ascii=False)
    print(text.encode(errors="backslashreplace").decode())  # lone surrogates, as JSON escapes them
    for problem in exported["problems"]:
        print(f"webraft_web.peer: {problem}", file=sys.stderr)
    return 1 if exported["problems"] else 0


class _Report:
    """Says how the room stands, whenever that has changed."""

    def __init__(self, process: Process, connection: Connection, joining: asyncio.Future[None]) -> None:
        self._process = process
        self._connection = connection
        self._joining = joining
        self._said: dict[str, str] = {}
        self._heard_s = time.monotonic()
        self._document = SharedDocument(connection.client)
        self._document.listen("error", self._on_error)

    def look(self) -> None:
        """Say what is new."""
        status = self._connection.status()
        if not status["missing"]:
            self._heard_s = time.monotonic()
        if self._say_once("state", _state(status), f" (index {status['commit_index']})"):
            self._said.pop("error", None)
        mesh = self._process.meshes.get(self._connection.room)
        signaling = mesh.status()["signaling"] if mesh is not None else None
        for server in signaling["servers"] if signaling else ():
            how = "connected" if server["connected"] else f"not connected: {server['error'] or 'connecting'}"
            self._say_once(server["url"], f"signalling server {server['url']}: {how}")

    def missed_for_s(self) -> float:
        """Return for how many seconds the majority has been missing."""
        return time.monotonic() - self._heard_s

    def _on_error(self, error: WebraftError) -> None:
        # A store that fails from the beginning ends the program, which says so itself.
        if self._joining.done() or not isinstance(error, StorageError):
            way_out = _IN_CONFLICT if isinstance(error, ClusterConflictError) else ""
            self._say_once("error", f"problem: {error}{way_out}")

    def _say_once(self, what: str, text: str, detail: str = "") -> bool:
        if self._said.get(what) == text:
            return False
        self._said[what] = text
        _say(text + detail)
        return True


def _state(status: dict[str, Any]) -> str:
    """Describe what `status()` says in one line."""
    members, own = status["members"], status["address"]
    if not members:
        return "waiting for somebody who holds the room"
    voters = [address for address, right in members.items() if right == "voter"]
    right = {"voter": "a voter", "non_voting": "not voting yet", None: "not a member yet"}[members.get(own)]
    if status["missing"]:
        leader = f"no majority: waiting for {', '.join(status['missing'])}"
    elif status["leader"] is None:
        leader = "electing a leader"
    else:
        leader = "leading" if status["leader"] == own else f"led by {status['leader']}"
    return f"{own} is {right} · {leader} · {len(voters)} of {len(members)} members vote"


def _say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def _interruption() -> Iterator[asyncio.Event]:
    """Note Ctrl-C, or SIGTERM, for as long as the block runs; a second one ends it at once."""
    loop, is_interrupted = asyncio.get_running_loop(), asyncio.Event()

    def interrupted(number: int, _: object) -> None:
        signal.signal(number, signal.default_int_handler)
        loop.call_soon_threadsafe(is_interrupted.set)

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield is_interrupted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _secret(options: argparse.Namespace) -> str | None:
    """Return the secret from where it was put; never from the command line, which every user may list."""
    if options.public:
        return PUBLIC
    if options.secret_file is not None:
        return Path(options.secret_file).read_text(encoding="utf-8").strip()
    invited = read_link(options.link)[1].secret if options.link is not None else None
    return invited or os.environ.get(SECRET_VARIABLE)


def _ice_server(text: str) -> dict[str, Any]:
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise argparse.ArgumentTypeError(str(error)) from error
    if not text.startswith("{"):
        return {"urls": text}
    try:
        server: dict[str, Any] = json.loads(text)
    except ValueError as error:  # which does not show the text: there may be a credential in it
        raise argparse.ArgumentTypeError(f"expected a URL or a JSON object: {error}") from error
    return server


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m webraft_web.peer",
        allow_abbrev=False,
        description="Take part in a room of browsers as an always-on member, until interrupted: the room "
        "keeps its majority and its document when everybody closes the laptop.",
        epilog=f"The room's secret comes from the link, from --secret-file, or from {SECRET_VARIABLE} in the "
        "environment. It is no option, for a command line is readable by every user of the machine; "
        "so is that of --link: give LINK as - to have it read from the standard input.",
    )
    parser.add_argument("room", nargs="?", metavar="ROOM", help="the room's name; with --link that one's")
    parser.add_argument("--link", help="an invitation, as SharedDocument.invite_link() returns it")
    parser.add_argument(
        "--signaling",
        action="append",
        default=[],
        metavar="URL",
        help="where browsers of the room meet, such as wss://…; may be repeated",
    )
    parser.add_argument("--secret-file", metavar="FILE", help="a file with the room's secret")
    parser.add_argument("--public", action="store_true", help="the room is open to whoever knows its name")
    parser.add_argument("--store", default=STORE, metavar="DIR", help="where rooms are kept (%(default)s)")
    parser.add_argument(
        "--ice-server",
        action="append",
        default=[],
        type=_ice_server,
        metavar="SERVER",
        help='a STUN or TURN server: stun:…, or {"urls": "turn:…", "username": "…", "credential": "…"}; '
        "@FILE reads either from a file, where a credential is better kept",
    )
    parser.add_argument("--voters", type=int, default=5, help="how many members vote at most (%(default)s)")
    parser.add_argument("--found", action="store_true", help="begin the room if nobody is found who holds it")
    parser.add_argument(
        "--recover",
        action="store_true",
        help=f"go on alone with what is kept here if the majority is not heard of for {RECOVER_AFTER_S} s, "
        "because it is lost for good; what only that had is given up",
    )
    parser.add_argument("--export", action="store_true", help="print the document as kept here, and end")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more of what goes on")
    return parser
