"""Browsers that lack something, or are full: a clear error each, and nothing lost."""

from __future__ import annotations

from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab

JOIN = """
    from webraft_web import WebraftError, join_room
    try:
        doc = await join_room("room"{options})
        answer = ["joined", doc.status()["storage"]]
    except WebraftError as error:
        answer = [type(error).__name__, str(error)]
    answer
"""


def test_a_browser_without_indexed_db_is_told_what_to_do(tabs) -> None:
    """Without IndexedDB nothing could be kept: StorageError, unless memory was asked for."""
    page = tabs.browser.blank()
    page.before_load("Object.defineProperty(globalThis, 'indexedDB', { value: undefined });")
    page.go(f"{tabs.url}tab.html")
    tab = PythonTab(page)
    name, message = tab.python(JOIN.format(options=""))
    assert name == "StorageError"
    assert "IndexedDB" in message
    assert "memory" in message
    assert tab.python(JOIN.format(options=', storage="memory"')) == ["joined", "memory"]
    tab.python("await doc.patch([{'op': 'add', 'path': '/n', 'value': 1}])")
    assert tab.python("doc.state") == {"n": 1}


def test_an_insecure_origin_is_told_about_https_and_localhost(tmp_path, site) -> None:
    """Web Locks exist on secure origins alone, and the error names both ways to be one."""
    browser = Chromium(tmp_path / "profile", "--host-resolver-rules=MAP insecure.test 127.0.0.1")
    try:
        tab = PythonTab(browser.open(f"{site.replace('127.0.0.1', 'insecure.test')}tab.html"))
        assert tab.page.js("isSecureContext") is False
        _, message = tab.python(JOIN.format(options=""))
        assert "https" in message
        assert "localhost" in message
    finally:
        browser.kill()


FILL = """{
    let size = 5_000_000;
    for (let n = 0; size >= 1; n++) {
        try { localStorage.setItem(`filler${n}`, "x".repeat(size)); } catch { size = size >> 1; }
    }
}"""


def test_servers_that_cannot_be_are_told_before_a_room_is_joined(tabs) -> None:
    """Of both kinds, as ConfigError; nobody waits for a room that would never find others."""
    said = tabs.open().python("""
        from webraft_web import ConfigError, join_room
        said = []
        wrong = {"urls": "nonsense:"}
        for options in ({"signaling": ["ftp://x"]}, {"signaling": ["broadcast:"], "ice_servers": [wrong]}):
            try:
                await join_room("room", secret="public", **options)
            except ConfigError as error:
                said.append(str(error))
        said
    """)
    assert len(said) == 2
    assert "no signalling server that is understood" in said[0]
    assert "refuses these ICE servers" in said[1]


def test_a_full_local_storage_stops_the_mirror_and_nothing_else(tabs) -> None:
    """localStorage only mirrors the document: when it is full, writes go on and survive a reload."""
    tab = tabs.open()
    tab.page.js(FILL)
    tab.python(JOIN.format(options=""))
    tab.python("await doc.patch([{'op': 'add', 'path': '/text', 'value': 'y' * 1000}])")
    tab.page.reload()
    again = PythonTab(tab.page)
    again.python(JOIN.format(options=""))
    assert again.python("len(doc.get('/text'))") == 1000


def test_handlers_wait_for_room_in_a_full_local_storage(tabs) -> None:
    """Entries that find no room are told as errors, offered again, and applied once there is some."""
    tab = tabs.open()
    tab.python("""
        import asyncio
        from webraft_web import LocalStorageHandlers, NodeInstance, RaftInterface

        class Alone(RaftInterface):
            def create_instance(self, address):
                return NodeInstance(address, self)

        raft = Alone("alone", members=["alone"])
        handlers = LocalStorageHandlers(raft)
        errors = []
        raft.listen("error", errors.append)
        await raft.propose({"op": "add", "path": "/n", "value": 1})
    """)
    tab.page.js(FILL)
    pending = tab.start("await raft.propose({'op': 'add', 'path': '/text', 'value': 'y' * 1000})")
    tab.page.wait_for("runPython('len(errors)')")
    assert tab.python("sorted({type(error).__name__ for error in errors})") == ["StorageError"]
    assert tab.python("handlers.data") == {"n": 1}
    tab.page.js(
        "Object.keys(localStorage).forEach((key) => key.startsWith('filler') && delete localStorage[key])"
    )
    pending.result()
    assert tab.python("[handlers.data['n'], len(handlers.data['text'])]") == [1, 1000]
