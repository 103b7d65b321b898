"""Rooms across browsers: how soon a second one is in, how soon it answers, and how much three write.

Beside Yjs with y-webrtc, by the same signalling server in the same run: which agrees on nothing, and
stores nothing, so that its figures are a floor and no goal.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from demo.command import signaling_packages
from tests.benchmarks.browser import Tab, Visited
from tests.benchmarks.figures import Figure, Options
from tests.setup import peers_dir, signaling_dir
from tests.signaling.processes import program, url_of
from tests.tabs.chromium import Chromium, Page
from tests.tabs.serving import serve, tab_routes

TITLE: Final = "rooms across browsers, beside Yjs with y-webrtc"
_BROWSERS: Final = 3
_PINGS: Final = 20
"""In each trial."""
_LASTING_MS: Final = 2000
_OUTSTANDING: Final = 64
_SECRET: Final = "L9Wd0hHv5eUqgE7xJ2fTz1Rk"
_JOIN: Final = """
begun = now()
doc = await join_room({room!r}, signaling=[{signaling!r}], secret={secret!r})
now() - begun
"""
_ANSWER_PINGS: Final = """
def answer():
    ping = doc.get("/ping")
    if ping is not None and ping != doc.get("/pong"):
        asyncio.ensure_future(write(doc, "pong", ping))
await write(doc, "pong", -1)
await write(doc, "ping", -1)
doc.listen("updated", answer)
None
"""
_TIME_PINGS: Final = """
async def time_pings(count):
    times = []
    for number in range(count):
        begun = now()
        answered = asyncio.Event()
        unlisten = doc.listen("updated", lambda: doc.get("/pong") == number and answered.set())
        await write(doc, "ping", number)
        await answered.wait()
        unlisten()
        times.append(now() - begun)
    return times
await time_pings({count})
"""
_VOTERS: Final = "sum(rights == 'voter' for rights in doc.status()['members'].values())"
_PATIENCE_S: Final = 60


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Measure rooms, then Yjs."""
    signaling_packages()
    signaling_dir()
    with program("y-webrtc") as server:
        url = url_of("y-webrtc", server.address)
        with _browsers() as (browsers, site):
            say("rooms")
            yield from _measure_rooms([Visited(browser, site) for browser in browsers], url, options, say)
        with _browsers() as (browsers, site):
            say("Yjs with y-webrtc")
            yield from _measure_yjs(
                [browser.open(f"{site}benchmarks/yjs.html") for browser in browsers], url, options
            )


@contextmanager
def _browsers() -> Iterator[tuple[list[Chromium], str]]:
    """Give browsers with profiles of their own, and the site that all of them visit."""
    with ExitStack() as stack:
        directory = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="webraft-benchmarks-", ignore_cleanup_errors=True)
        )
        peers = Path(directory) / "peers"
        peers.mkdir()
        modules = peers_dir() / "node_modules"
        (peers / "imports.js").write_text(_import_map(modules), encoding="utf-8")
        (peers / "simple-peer.js").write_text("export default globalThis.SimplePeer;\n", encoding="utf-8")
        routes = {"/benchmarks/": Path(__file__).parent / "pages", "/npm/": modules, "/peers/": peers}
        site = stack.enter_context(serve({**tab_routes(), **routes}))
        browsers = []
        for number in range(_BROWSERS):
            browsers.append(Chromium(Path(directory) / f"profile-{number}"))
            stack.callback(browsers[-1].kill)
        yield browsers, site


def _import_map(modules: Path) -> str:
    """Return a script that tells the page where the packages' modules are: they are used as published."""
    imports = {"simple-peer/simplepeer.min.js": "/peers/simple-peer.js"}
    for name in ("lib0", "y-protocols", "yjs", "y-webrtc"):
        package = json.loads((modules / name / "package.json").read_text(encoding="utf-8"))
        exports = (
            package["exports"] if "." in str(next(iter(package["exports"]))) else {".": package["exports"]}
        )
        for key, target in exports.items():
            file = _browser_module(target)
            if file.endswith((".js", ".mjs")):
                imports[f"{name}{key[1:]}"] = f"/npm/{name}/{file.removeprefix('./')}"
    return (
        "const map = document.createElement('script');\n"
        "map.type = 'importmap';\n"
        f"map.textContent = {json.dumps(json.dumps({'imports': imports}))};\n"
        "document.currentScript.after(map);\n"
    )


def _browser_module(target: Any) -> str:
    while isinstance(target, dict):
        target = (
            target.get("browser") or target.get("module") or target.get("import") or target.get("default", "")
        )
    return str(target)


def _measure_rooms(
    visited: list[Visited], signaling: str, options: Options, say: Callable[[str], None]
) -> Iterator[Figure]:
    one, second, *others = [visit.open()[0] for visit in visited]
    joins = []
    for number in range(options.trials):
        room = f"join {number}"
        for tab, times in ((one, []), (second, joins)):
            times.append(float(tab.python(_JOIN.format(room=room, signaling=signaling, secret=_SECRET))))
            if tab is one:
                tab.python("await write(doc, 'here', 1)")
        assert second.python("doc.state") == {"here": 1}
        for tab in (one, second):
            tab.python("await doc.close()")
    yield Figure("room: a second browser joins, until it shows the document", "ms", joins)
    tabs = [one, second, *others]
    for tab in tabs:
        tab.python(_JOIN.format(room="benchmark", signaling=signaling, secret=_SECRET))
    for tab in tabs:
        _wait_for_votes(tab)
    say("round trips")
    second.python(_ANSWER_PINGS)
    times = one.python(_TIME_PINGS.format(count=options.trials * _PINGS))
    yield Figure("room: a write, and a write in answer by another browser", "ms", times)
    yield Figure("room: an acknowledged write, one outstanding", "ms", _latencies(tabs, options))
    say("three browsers write")
    rates = []
    for _ in range(options.trials):
        writing = [
            tab.start(f"await write_at_rate(doc, '{place}.', {_OUTSTANDING}, {_LASTING_MS})")
            for place, tab in enumerate(tabs)
        ]
        rates.append(sum(one.result() for one in writing))
    yield Figure(f"room: three browsers, {_OUTSTANDING} outstanding each, acknowledged", "/s", rates)


def _wait_for_votes(tab: Tab) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while tab.python(_VOTERS) < _BROWSERS:
        assert time.monotonic() < deadline, "not all browsers got a vote"
        time.sleep(0.05)


def _latencies(tabs: list[Tab], options: Options) -> list[float]:
    times = [tab.python(f"await time_writes(doc, 'key', {options.trials * _PINGS})") for tab in tabs]
    return [acknowledged - begun for of_tab in times for begun, acknowledged in of_tab]


def _measure_yjs(pages: list[Page], signaling: str, options: Options) -> Iterator[Figure]:
    one, second, third = pages
    url = json.dumps(signaling)
    joins = []
    for _ in range(options.trials):
        for page in (one, second):
            page.reload()
            page.wait_for("globalThis.isReady")
        one.js(f"join({url})")
        one.js("put('here', 1)")
        joins.append(float(second.js(f"join({url}, 'here')")))
    yield Figure("Yjs: a second browser joins, until it shows the document", "ms", joins)
    third.js(f"join({url}, 'here')")
    second.js("answerPings()")
    yield Figure(
        "Yjs: a write, and a write in answer by another browser",
        "ms",
        one.js(f"timePings({options.trials * _PINGS})"),
    )
    rates = []
    for trial in range(options.trials):
        names = json.dumps([f"{trial}.{place}." for place in range(len(pages))])
        begun = time.monotonic()
        writing = [
            page.start(f"writeFor({names}[{place}], {_LASTING_MS})") for place, page in enumerate(pages)
        ]
        total = sum(one.result() for one in writing)
        for page in pages:
            page.js(f"waitForAll({names})")
        rates.append(total / (time.monotonic() - begun))
    yield Figure("Yjs: three browsers write, until all have all", "/s", rates)
