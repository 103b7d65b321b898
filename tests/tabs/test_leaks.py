"""A page that lives for long: what it holds does not grow with writes, nor with joining and leaving.

Everything that browsers and interpreters hold on to is counted: timers, listeners, channels,
workers, databases, abort controllers, proxies on both sides of the border, tasks, and this
package's own objects.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tabs.conftest import PythonTab, Tabs

COUNTING = (Path(__file__).parent / "pages" / "counting.js").read_text("utf-8")

SETUP = """
    import asyncio
    import gc
    import json
    from collections import Counter
    from types import FunctionType, MethodType

    import js
    import pyodide_js
    from webraft_web import BroadcastChannelNode, RaftInterface, join_room
    from webraft_web._browser import BrowserPlatform
    from webraft_web.site.page import Page
    from webraft_web.transports.webrtc.opening import open_page_mesh

    pyodide_js._module.enable_pyproxy_allocation_tracing()

    class TabRaft(RaftInterface):
        def create_instance(self, address):
            return BroadcastChannelNode(address, self)

    def holdings():
        gc.collect()
        ours = Counter(
            f"{type(one).__module__}.{type(one).__name__}"
            for one in gc.get_objects()
            if type(one).__module__.startswith("webraft_web")
        )
        return {
            "proxies of Python": pyodide_js._module.pyproxy_alloc_map.size,
            "proxies of JavaScript": pyodide_js._module._hiwire_num_refs(),
            "tasks": len(asyncio.all_tasks()),
            "functions": sum(isinstance(one, FunctionType | MethodType) for one in gc.get_objects()),
            **ours,
        }

    async def write(docs, count):
        for start in range(0, count, 50):
            await asyncio.gather(
                *(
                    docs[number % len(docs)].patch([{"op": "replace", "path": "/n", "value": number}])
                    for number in range(start, start + 50)
                )
            )
            await docs[-1].read()

    async def come_and_go(pages, count):
        for number in range(count):
            runner, observer = [await page.join_room("room", initial={"n": 0}) for page in pages]
            again = await pages[0].join_room("room")
            await again.close()
            await observer.patch([{"op": "add", "path": "/n", "value": number}])
            stream = runner.changes()
            await observer.read()
            await (runner if number % 2 else observer).close()
            await (observer if number % 2 else runner).patch([{"op": "add", "path": "/n", "value": -number}])
            await (observer if number % 2 else runner).close()

            gone = await pages[0].join_room(f"gone{number % 3}")
            await gone.leave_room()

            servers = [TabRaft(address, members=["one", "two"]) for address in ("one", "two")]
            await servers[number % 2].propose(number)
            for server in servers:
                await server.close()
"""

USE = """
    pages = [Page(BrowserPlatform(), open_page_mesh) for _ in range(2)]
    docs = [await page.join_room("room", initial={{"n": 0}}) for page in pages]
    await write(docs, {writes})
    for doc in docs:
        await doc.close()
    await come_and_go(pages, {joins})
    del doc, docs, pages
"""


def open_counted(tabs: Tabs) -> PythonTab:
    """Open a tab that counts what it holds."""
    page = tabs.browser.blank()
    page.before_load(COUNTING)
    page.go(f"{tabs.url}tab.html")
    tab = PythonTab(page)
    tab.python(SETUP)
    return tab


def holdings(tab: PythonTab) -> dict[str, int]:
    """Return what a page holds once all that can be collected is."""
    python = tab.python("await asyncio.sleep(0.1); holdings()")
    for _ in range(2):
        tab.page.call("HeapProfiler.collectGarbage")
    tab.page.call("Performance.enable")
    metrics = tab.page.call("Performance.getMetrics")["metrics"]
    counters = {one["name"]: one["value"] for one in metrics}
    return {
        **tab.page.js("holdings()"),
        **python,
        "JSEventListeners": counters["JSEventListeners"],
    }


@pytest.mark.parametrize(("writes", "joins"), [(1000, 10), pytest.param(10_000, 100, marks=pytest.mark.long)])
def test_nothing_is_left_of_writes_and_joins(tabs, writes, joins) -> None:
    """A page holds no more after a long use than after a first short one."""
    tab = open_counted(tabs)
    tab.python(USE.format(writes=200, joins=3))
    first = holdings(tab)
    tab.python(USE.format(writes=writes, joins=joins))
    last = holdings(tab)
    assert {name: count for name, count in last.items() if count > first.get(name, 0)} == {}
    assert tab.page.problems == []


def test_twenty_who_listen_cost_the_runner_what_one_does(tabs) -> None:
    """Each of thirty writes is posted once, however many connections of one page listen."""
    tab = open_counted(tabs)
    posted = tab.python("""
        async def posted_for(listeners):
            pages = [Page(BrowserPlatform(), open_page_mesh) for _ in range(listeners + 1)]
            docs = [await page.join_room(f"for {listeners}", initial={"n": 0}) for page in pages]
            await docs[0].patch([{"op": "replace", "path": "/n", "value": "opens the session"}])
            await asyncio.gather(*(doc.read() for doc in docs))
            js.takePosted()
            for number in range(30):
                await docs[0].patch([{"op": "replace", "path": "/n", "value": number}])
            await asyncio.sleep(0.1)
            kinds = Counter(json.loads(text.partition("\\n")[2])[2] for text in js.takePosted())
            assert [doc.state for doc in docs] == [{"n": 29}] * len(docs)
            for doc in docs:
                await doc.close()
            del kinds["beat"]  # which come with time
            return kinds

        [await posted_for(listeners) for listeners in (1, 20)]
    """)
    assert posted == [{"entries": 30}] * 2
