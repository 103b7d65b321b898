"""The way out of a damaged room: nobody joins it, nothing is lost, all can be exported, then deleted."""

import asyncio
import json

import pytest

from tests.unit.site.rooms import append, open_room, settle
from webraft_web import wire
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import BadArgumentError, StorageError
from webraft_web.document import genesis_command
from webraft_web.site.export import export_text
from webraft_web.storage.base import Batch, Identity
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

KEY = "webraft:room:room"


async def damaged_room(position):
    """Return a browser with a room of three writes, and one character changed in a record from the end on."""
    browser = Browser()
    _, (doc,) = await open_room(browser, 1)
    for number in range(3):
        await doc.patch(append(number))
    browser.kill()
    records = browser.journals["room"].records
    place = sorted(records)[position]
    text = records[place]
    records[place] = text[:-9] + chr(ord(text[-9]) ^ 1) + text[-8:]
    return browser, place


def test_a_damaged_room_is_neither_begun_anew_nor_taken_over_and_can_be_saved_and_deleted():
    """Joining says where and what to do; the export has every record and what was written before."""

    async def scenario():
        browser, place = await damaged_room(-1)
        records = dict(browser.journals["room"].records)
        page = browser.open_tab().page
        for _ in range(2):
            with pytest.raises(
                StorageError, match=rf"'room'.*position {place} .*export_room\('room'\).*delete"
            ):
                await page.join_room("room", initial=["new"])
        assert browser.journals["room"].records == records
        export = json.loads(await page.export_room("room"))
        assert export["records"] == [list(record) for record in sorted(records.items())]
        assert export["source"] == "journal"
        assert export["document"] == [0, 1]
        assert [f"position {place}" in problem for problem in export["problems"]] == [True]
        assert browser.journals["room"].records == records
        await page.delete_room("room")
        assert (await page.join_room("room", initial=["new"])).state == ["new"]

    run(scenario())


def test_tabs_that_have_a_room_open_when_it_is_found_damaged_keep_what_they_show():
    """They are told, write nothing over it, and their document can still be exported."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        await docs[1].patch(append(1))
        records = browser.journals["room"].records
        records[max(records)] = "{"
        before = dict(records)
        errors = []
        docs[1].listen("error", errors.append)
        tabs[0].kill()
        await settle(5)
        assert errors
        assert all("export_room" in str(error) for error in errors)
        assert records == before
        assert json.loads(docs[1].export()) == [1]

    run(scenario())


def test_the_mirror_is_exported_where_it_is_newer_or_all_there_is():
    """A damaged journal's last documents may stand in localStorage."""

    async def scenario():
        browser = Browser()
        _, (doc,) = await open_room(browser, 1)
        await doc.patch(append("one"))
        await doc.patch(append("two"))
        await settle(1)
        page = browser.open_tab().page
        whole = json.loads(await page.export_room("room"))
        assert (whole["document"], whole["source"], whole["problems"]) == (["one", "two"], "journal", [])
        assert json.loads(whole["mirror"])["data"] == ["one", "two"]
        records = browser.journals["room"].records
        records[max(records)] = records[max(records) - 1] = "{"
        partly = json.loads(await page.export_room("room"))
        assert (partly["document"], partly["source"]) == (["one", "two"], "localStorage")
        foreign = {**json.loads(browser.mirror[KEY]), "cluster": "another"}
        browser.mirror[KEY] = json.dumps(foreign)
        assert json.loads(await page.export_room("room"))["source"] == "journal"
        browser.journals.clear()
        lost = json.loads(await page.export_room("room"))
        assert (lost["document"], lost["source"], lost["records"]) == (["one", "two"], "localStorage", [])

    run(scenario())


def test_a_room_that_is_not_there_cannot_be_exported():
    """The error names what lists those that are, and nothing is made."""

    async def scenario():
        browser = Browser()
        page = browser.open_tab().page
        with pytest.raises(StorageError, match=r"no room 'nowhere'.*list_rooms"):
            await page.export_room("nowhere")
        with pytest.raises(BadArgumentError):
            await page.export_room("")
        assert await page.list_rooms() == []
        browser.has_journals = False
        with pytest.raises(StorageError, match="IndexedDB"):
            await page.export_room("nowhere")

    run(scenario())


def exported(batch):
    """Export a journal of one record."""
    text = json.dumps([1, "batch", wire.encode_batch(batch)])
    return json.loads(export_text("room", [(1, text)], None))


@pytest.mark.parametrize(("voters", "document"), [(("a",), 1), (("a", "b"), {})])
def test_what_others_have_a_say_in_is_exported_once_it_is_known_to_be_committed(voters, document):
    """A server that votes alone has committed what it stored."""
    identity = Identity("site", "0" * 32, "cluster")
    entries = [
        Entry(1, 1, EntryKind.CONFIGURATION, configuration=Configuration(voters)),
        Entry(1, 2, EntryKind.HOUSEKEEPING, genesis_command(1)),
    ]
    assert exported(Batch(True, identity, HardState(1, None, 1), None, entries))["document"] == document
    assert exported(Batch(True, identity, HardState(1, None, 2), None, entries))["document"] == 1


def test_a_document_that_cannot_be_read_is_a_problem_of_its_own():
    """The records are exported all the same."""
    identity = Identity("site", "0" * 32, "cluster")
    batch = Batch(True, identity, HardState(1, None, 1), Snapshot(1, 1, Configuration(("a",)), "?"))
    export = exported(batch)
    assert export["document"] is None
    assert export["source"] is None
    assert ["the stored document cannot be read" in problem for problem in export["problems"]] == [True]
    assert len(export["records"]) == 1


def test_exporting_amid_writes_changes_nothing():
    """Nobody is fenced off, and each export is of one moment."""

    async def scenario():
        browser = Browser()
        tabs, docs = await open_room(browser, 2)
        writing = asyncio.ensure_future(docs[0].patch(append(1)))
        exports = [json.loads(await tab.page.export_room("room")) for tab in tabs]
        assert [export["problems"] for export in exports] == [[], []]
        await writing
        assert await docs[1].read() == [1]

    run(scenario())
