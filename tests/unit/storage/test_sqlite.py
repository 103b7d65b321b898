"""Journals in SQLite files: the promises of every journal, and what only files can suffer."""

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest

from webraft_web.core.errors import FencedError, LocalProtocolError, StorageError
from webraft_web.storage import sqlite
from webraft_web.storage.indexed_db import JournalStorage
from webraft_web.storage.sqlite import SQLiteJournal, delete_file, dump_file, room_in
from webraft_web.testing import check_storage
from webraft_web.testing.journal import check_journal


async def outcome(call, *arguments, **options):
    """What a method hands over."""
    answer = asyncio.get_running_loop().create_future()
    call(*arguments, **options, done=answer.set_result)
    return await answer


async def opened(path, name="room", **options):
    return await outcome(SQLiteJournal, path, name, **options)


def test_it_keeps_the_promise_of_every_journal(tmp_path):
    """The very contract that IndexedDB keeps, a deleted file included."""

    async def delete(name):
        delete_file(tmp_path / name, name)

    asyncio.run(check_journal(lambda name: opened(tmp_path / name, name), delete))


def test_a_server_keeps_its_state_in_it(tmp_path):
    """The very contract that every storage keeps, restarts included."""

    storages = []

    async def open_storage(name):
        storage = JournalStorage(await opened(tmp_path / name, name))
        storages.append(storage)
        assert not isinstance(await outcome(storage.take_over), StorageError)
        return storage

    async def main():
        await check_storage(open_storage, fenced=True)
        for storage in storages:
            storage.close()

    asyncio.run(main())


def test_a_journal_that_was_closed_says_so(tmp_path):
    """To use it then is a mistake of the caller's; to close it again is none."""

    async def main():
        journal = await opened(tmp_path / "file")
        journal.close()
        journal.close()
        with pytest.raises(LocalProtocolError, match="was closed"):
            journal.load(print)

    asyncio.run(main())


def test_an_answer_that_comes_after_close_is_not_given(tmp_path):
    """What was under way is written all the same."""

    async def main():
        journal = await opened(tmp_path / "file", is_alone=True)
        journal.add(1, "text", done=lambda _: pytest.fail("closed by then"))
        journal.close()
        again = await opened(tmp_path / "file", is_alone=True)
        assert await outcome(again.load) == [(1, "text")]
        again.close()

    asyncio.run(main())


def test_a_file_that_another_process_has_is_refused_until_that_process_dies(tmp_path, monkeypatch):
    """Killed as well as ended; meanwhile the file may be read."""
    monkeypatch.setattr(sqlite, "BUSY_S", 0.1)
    path = tmp_path / "file"
    holder = f"""
        import asyncio, sys
        from pathlib import Path
        from webraft_web.storage.sqlite import SQLiteJournal

        async def main():
            SQLiteJournal(Path({str(path)!r}), "room", lambda _: print("open", flush=True), is_alone=True)
            await asyncio.sleep(600)

        asyncio.run(main())
    """
    program = "\n".join(line.removeprefix(" " * 8) for line in holder.splitlines())
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}\n{program}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline() == b"open\n"
            refusal = asyncio.run(opened(path, is_alone=True))
            assert isinstance(refusal, StorageError)
            assert "in use by another process" in str(refusal)
            with pytest.raises(StorageError, match="in use by another process"):
                delete_file(path, "room")
            assert dump_file(path, "room") == []
        finally:
            process.kill()

    async def after():
        (await opened(path, is_alone=True)).close()

    asyncio.run(after())


def test_a_file_that_is_replaced_while_it_is_open_takes_nothing_more(tmp_path):
    """What is written to a file that nobody finds again is lost: neither writes nor reads may count on it."""

    async def main():
        journal = await opened(tmp_path / "file")
        assert await outcome(journal.add, 1, "text") is None
        (tmp_path / "file").rename(tmp_path / "moved")
        (tmp_path / "file").write_bytes(b"")
        told = []
        journal.on_closed = told.append
        for _ in range(2):
            assert "not the file any more" in str(await outcome(journal.reaches, 1))
        assert "not the file any more" in str(await outcome(journal.add, 2, "text"))
        assert len(told) == 1
        journal.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("PRAGMA application_id = 7", "something else; it is left as it is"),
        ("PRAGMA user_version = 99", "layout 99, and this program reads 1.*newer version"),
        ("UPDATE room SET name = 'other'", "holds the room 'other', not 'room'.*renamed"),
        ("DELETE FROM room", "names 0 rooms, expected one: the file is damaged.*nothing was changed"),
        ("INSERT INTO room VALUES ('other', 0)", "names 2 rooms, expected one"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused_and_left_alone(tmp_path, change, says):
    """Another program's, a newer version's, another room's."""
    path = tmp_path / "file"

    async def main():
        journal = await opened(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute(change)
        journal.close()
        return await opened(path)

    with pytest.raises(StorageError, match=says):
        raise asyncio.run(main())


def test_a_file_that_is_damaged_while_it_is_open_is_an_error_to_the_next_reader(tmp_path):
    """And no room's; nobody waits for ever for what cannot be read."""
    path = tmp_path / "file"

    async def main():
        journal = await opened(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("DELETE FROM room")
        assert "names 0 rooms" in str(await asyncio.wait_for(outcome(journal.load), 10))
        journal.close()

    asyncio.run(main())
    assert room_in(path) is None


def test_a_file_that_is_no_database_is_refused_with_advice(tmp_path):
    """And not overwritten."""
    path = tmp_path / "file"
    path.write_text("A letter to a friend, long enough not to be taken for anything else. " * 20)
    with pytest.raises(StorageError, match=r"no database, or damaged: nothing was changed; --export"):
        raise asyncio.run(opened(path))
    with pytest.raises(StorageError, match="no database"):
        dump_file(path, "room")
    assert room_in(path) is None
    assert path.read_text().startswith("A letter")


def test_a_directory_that_cannot_be_made_is_an_error_that_names_it(tmp_path):
    """As where a file stands in the way."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StorageError, match="taken"):
        raise asyncio.run(opened(tmp_path / "taken" / "file"))


def test_what_may_not_be_opened_or_deleted_is_an_error_that_says_where_to_look(tmp_path):
    """As where something stands in the way of the lock, or the owner is another."""
    path = tmp_path / "file"

    async def main():
        (await opened(path)).close()
        path.with_name("file-lock").mkdir()
        return await opened(path, is_alone=True)

    with pytest.raises(StorageError, match="see to whom the file and its directory belong"):
        raise asyncio.run(main())
    with pytest.raises(StorageError, match="see to whom the file and its directory belong"):
        delete_file(path, "room")
    assert path.exists()


def test_a_full_disk_is_an_error_and_what_was_stored_before_is_intact(tmp_path):
    """Once there is room again, it goes on: with the next server, as after every failure."""

    async def main():
        journal = await opened(tmp_path / "file")
        assert await outcome(journal.add, 1, "first") is None

        def limit(pages):
            # Less than there are means as many as there are.
            journal._worker.submit(journal._database.execute, f"PRAGMA max_page_count = {pages}").result()

        limit(1)
        full = await outcome(journal.add, 2, "x" * 1_000_000)
        assert "disk is full; what was stored before is intact" in str(full)
        limit(1_000_000)
        assert await outcome(journal.add, 2, "x" * 1_000_000) is None
        assert [position for position, _ in await outcome(journal.load)] == [1, 2]
        journal.close()

    asyncio.run(main())


def test_records_that_are_no_text_are_handed_over_as_missing(tmp_path):
    """The journal then says which one is damaged; bytes that are no UTF-8 cannot match its checksum."""
    path = tmp_path / "file"

    async def main():
        journal = await opened(path)
        for position in (1, 2, 3):
            assert await outcome(journal.add, position, "text") is None
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("UPDATE records SET text = x'00' WHERE position = 1")
            database.execute("UPDATE records SET text = CAST(x'c328' AS TEXT) WHERE position = 2")
        records = await outcome(journal.load)
        journal.close()
        return records

    assert asyncio.run(main()) == [(1, ""), (2, "\ufffd("), (3, "text")]
    assert dump_file(path, "room") == [(1, ""), (2, "\ufffd("), (3, "text")]


def test_of_two_that_want_a_position_the_database_turns_one_away(tmp_path):
    """Whatever locks say: the later writer fences the earlier, across connections."""

    async def main():
        ends = [await opened(tmp_path / "file") for _ in range(2)]
        outcomes = await asyncio.gather(
            *[outcome(end.add, 1, str(number)) for number, end in enumerate(ends)]
        )
        assert sorted(type(one) for one in outcomes if one) == [FencedError]
        for end in ends:
            end.close()

    asyncio.run(main())


def test_what_is_kept_of_a_room_can_be_named_dumped_and_deleted(tmp_path):
    """A file that is not there holds nothing, and deleting it is nothing to complain of."""
    path = tmp_path / "file"
    assert dump_file(path, "room") is None
    delete_file(path, "room")

    async def main():
        journal = await opened(path, "Zimmer é")
        await outcome(journal.add, 1, "text")
        journal.close()

    asyncio.run(main())
    assert room_in(path) == "Zimmer é"
    assert dump_file(path, "Zimmer é") == [(1, "text")]
    delete_file(path, "room")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are what matters
