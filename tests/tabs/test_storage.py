"""What rooms are kept in, in a real browser: old layouts, damage, full disks, and deletion whoever sleeps."""

from __future__ import annotations

import json

import pytest

from tests.tabs.browser import PageError, wait_until
from tests.tabs.conftest import PythonTab

KEY = "webraft:room:room"
JOIN = """
    from webraft_web import delete_room, export_room, join_room, list_rooms

    doc = await join_room("room", initial=[])
    errors = []
    unlisten = doc.listen("error", lambda error: errors.append(f"{type(error).__name__}: {error}"))
    doc.state
"""
APPEND = """
    await doc.patch([{{"op": "add", "path": "/-", "value": {}}}])
    doc.state
"""
REWRITE = """(async () => {
    const ask = (request) => new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
    const open = (version) => {
        const request = indexedDB.open("webraft:room", version);
        request.onupgradeneeded = () => request.result.createObjectStore("records");
        return ask(request);
    };
    const old = await open();
    const version = old.version;
    const store = old.transaction("records").objectStore("records");
    const [keys, values] = await Promise.all([ask(store.getAllKeys()), ask(store.getAll())]);
    old.close();
    await ask(indexedDB.deleteDatabase("webraft:room"));
    const change = CHANGE;
    const made = await open(change.version ?? version);
    const all = made.transaction("records", "readwrite").objectStore("records");
    await Promise.all(values.map((value, n) => ask(all.add(change.text(value, n, values.length), keys[n]))));
    made.close();
    return version;
})()"""
TO_FIRST_LAYOUT = '{ version: 1, text: (text) => text.slice(8).replace("[2,", "[1,") }'
DAMAGE_LAST = '{ text: (text, n, count) => n === count - 1 ? text.replace("second", "sEcond") : text }'


def test_the_journal_in_indexed_db_keeps_what_the_simulated_one_is_held_to(tabs) -> None:
    """One contract for both, large texts included."""
    tab = tabs.open()
    tab.python("""
        import asyncio
        from webraft_web._browser import BrowserPlatform
        from webraft_web.core.errors import StorageError
        from webraft_web.testing import check_journal

        platform = BrowserPlatform()

        async def open_store(name):
            opened = asyncio.get_running_loop().create_future()
            platform.open_journal(name, opened.set_result)
            store = await opened
            assert not isinstance(store, StorageError), store
            return store

        await check_journal(open_store, platform.delete_journal)
    """)


def test_an_old_layout_is_gone_on_with_and_damage_is_refused_exported_and_deleted(tabs) -> None:
    """What the first version wrote is read; a changed character is found, and all else can be saved."""
    tab = tabs.open()
    tab.python(JOIN)
    tab.python(APPEND.format("'first'"))
    tab.python("await doc.close()")
    assert tab.page.js(REWRITE.replace("CHANGE", TO_FIRST_LAYOUT)) == 2
    assert tab.python(JOIN) == ["first"]
    assert tab.python(APPEND.format("'second'")) == ["first", "second"]
    tab.python("await doc.close()")
    tab.page.js(f"localStorage.removeItem({json.dumps(KEY)})")
    assert tab.page.js(REWRITE.replace("CHANGE", DAMAGE_LAST)) == 2
    with pytest.raises(
        PageError, match=r"StorageError.*checksum.*Nothing was changed: export_room\('room'\)"
    ):
        tab.python(JOIN)
    export = json.loads(tab.python("await export_room('room')"))
    assert export["document"] == ["first"]
    assert "sEcond" in export["records"][-1][1]
    assert len(export["problems"]) == 1
    tab.python("await delete_room('room')")
    assert tab.python(JOIN) == []
    with pytest.raises(PageError, match=r"StorageError.*no room 'nowhere'"):
        tab.python("await export_room('nowhere')")
    assert tab.python("await list_rooms()") == ["room"]


def test_writes_wait_for_space_on_a_full_disk_and_survive(tabs) -> None:
    """The error says what to do; once there is space what waited is written, once, and a reload finds it."""
    origin = tabs.url.rstrip("/")
    tab = tabs.open()
    # Before anything is stored: Chromium believes for half a minute what it last knew of the space left.
    tab.page.call("Storage.overrideQuotaForOrigin", origin=origin, quotaSize=2_000_000)
    tab.python(JOIN)
    writing = tab.start("""
        import secrets

        for number in range(8):  # hard to compress
            await doc.patch([{"op": "add", "path": "/-", "value": f"{number} {secrets.token_hex(200_000)}"}])
    """)
    tab.page.wait_for("runPython('len(errors)')")
    assert "QuotaExceededError" in tab.python("errors[0]")
    assert "free some space" in tab.python("errors[0]")
    tab.page.call("Storage.overrideQuotaForOrigin", origin=origin)
    writing.result()
    numbers = "[text.partition(' ')[0] for text in doc.state]"
    assert tab.python(numbers) == list("01234567")
    tab.page.reload()
    again = PythonTab(tab.page)
    again.python(JOIN)
    assert again.python(numbers) == list("01234567")


@pytest.mark.long
def test_a_room_is_deleted_though_a_tab_that_has_it_open_hangs(tabs) -> None:
    """Deleting says so and does not wait for ever; once that tab wakes, its handle ends, the room is gone."""
    hung, other = tabs.open_many(2)
    hung.python(JOIN)
    other.python(JOIN)
    other.python(APPEND.format("'old'"))
    assert hung.python("doc.status()['runner'] == doc.status()['tab']")
    other.python("await doc.close()")
    spinning = hung.page.start("{ const end = performance.now() + 9000; while (performance.now() < end); }")
    with pytest.raises(PageError, match=r"StorageError.*hangs holds it open.*close the other pages"):
        other.python("await delete_room('room')")
    spinning.result()
    hung.page.wait_for("runPython('len(errors)')")
    assert "'room' was deleted" in hung.python("errors[-1]")
    assert hung.python("repr(doc)").startswith("<room 'room' · closed")
    wait_until(lambda: other.python("await list_rooms()") == [], "the room to be gone")
    assert other.page.js(f"localStorage.getItem({json.dumps(KEY)})") is None
    assert other.python(JOIN) == []


def test_a_tab_that_froze_does_not_hold_up_a_deletion_nor_bring_the_room_back(tabs) -> None:
    """It has let go; when it wakes its handle ends with an error that says why."""
    frozen, other = (tabs.open(new_window=False) for _ in range(2))
    tabs.browser.blank(new_window=False)  # hides both: only hidden ones freeze
    frozen.python(JOIN)
    frozen.python(APPEND.format("'old'"))
    other.python(JOIN)
    frozen.page.freeze()
    other.python("await delete_room('room')")
    assert other.python("await list_rooms()") == []
    frozen.page.thaw()
    frozen.page.wait_for("runPython('len(errors)')")
    assert "'room' was deleted" in frozen.python("errors[-1]")
    assert frozen.python("doc.state") == ["old"]
    assert other.python(JOIN) == []


def test_rooms_are_listed_and_deleted_after_the_browser_was_killed(tabs) -> None:
    """With what localStorage has of them."""
    tab = tabs.open()
    tab.python(JOIN)
    tab.python(APPEND.format("1"))
    tab.python("kept = await join_room('kept', initial=[])")
    tab.page.wait_for(f"localStorage.getItem({json.dumps(KEY)})")
    tabs.browser.kill()
    tabs.browser.start()
    tab = tabs.open()
    tab.python("from webraft_web import delete_room, list_rooms")
    assert tab.python("await list_rooms()") == ["kept", "room"]
    tab.python("await delete_room('room')")
    assert tab.python("await list_rooms()") == ["kept"]
    assert tab.page.js(f"localStorage.getItem({json.dumps(KEY)})") is None
