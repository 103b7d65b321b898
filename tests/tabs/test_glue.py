"""The glue between real tabs: the fence, locks, channels, and time in hidden and frozen pages."""

from __future__ import annotations

import pytest

SETUP = """
    import asyncio
    from webraft_web._browser import BrowserPlatform
    from webraft_web.core.entry import Entry, HardState
    from webraft_web.storage.base import Batch, Identity
    from webraft_web.storage.indexed_db import JournalStorage

    platform = BrowserPlatform()
    events = []

    async def ask(call, *args):
        answer = asyncio.get_running_loop().create_future()
        call(*args, answer.set_result)
        return await answer

    async def open_storage(name):
        return JournalStorage(await ask(platform.open_journal, name))

    def request_lock(name, **options):
        return platform.request_lock(
            name, on_held=lambda: events.append("held"), on_lost=lambda _: events.append("lost"), **options
        )

    async def until(count):
        while len(events) < count:
            await asyncio.sleep(0.01)
        return events
"""

TAKE_OVER = """
    storage = await open_storage("room")
    found = await ask(storage.take_over)
    found and found.hard_state.term
"""

WRITE = """
    error = await ask(storage.persist, Batch(identity=Identity("site", "1"), hard_state=HardState({term})))
    type(error).__name__
"""

CHECKPOINT = """
    from webraft_web.core.entry import Configuration, Snapshot

    error = await ask(storage.persist, Batch(snapshot=Snapshot(1, 1, Configuration(("a",)), "state")))
    type(error).__name__
"""


@pytest.fixture
def pair(tabs):
    """Two tabs, each in a window of its own."""
    pair = tabs.open_many(2)
    for tab in pair:
        tab.python(SETUP)
    return pair


def test_the_database_refuses_whoever_was_taken_over(pair):
    """Two tabs at one journal: the later takeover's writes count, and it finds all of the earlier's."""
    zombie, successor = pair
    assert zombie.python(TAKE_OVER) is None
    assert zombie.python(WRITE.format(term=1)) == "NoneType"
    assert successor.python(TAKE_OVER) == 1
    assert zombie.python("type(await ask(storage.persist, Batch())).__name__") == "FencedError"
    assert zombie.python(WRITE.format(term=2)) == "FencedError"
    assert successor.python(WRITE.format(term=3)) == "NoneType"
    assert zombie.python(TAKE_OVER) == 3
    assert successor.python(WRITE.format(term=4)) == "FencedError"


def test_a_checkpoint_of_whoever_was_taken_over_discards_nothing(pair):
    """A write in place of everything before it is refused as a whole, what it would discard included."""
    zombie, successor = pair
    zombie.python(TAKE_OVER)
    assert zombie.python(WRITE.format(term=1)) == "NoneType"
    assert successor.python(TAKE_OVER) == 1
    assert zombie.python(CHECKPOINT) == "FencedError"
    assert successor.python(TAKE_OVER) == 1
    assert successor.python(CHECKPOINT) == "NoneType"


def test_takeovers_at_the_same_time_all_find_a_position_of_their_own(pair):
    """Forty takeovers from two tabs at once leave as many records, and more of those that were overtaken."""
    race = """
        storage = await open_storage("race")
        positions = []
        for _ in range(20):
            assert await ask(storage.take_over) is None
            positions.append(storage.takeover_position)
        positions
    """
    positions = [running.result() for running in [tab.start(race) for tab in pair]]
    assert all(of_one == sorted(of_one) for of_one in positions)
    taken = {position for of_one in positions for position in of_one}
    assert len(taken) == 40
    records = pair[0].python(
        "[position for position, _ in await ask((await ask(platform.open_journal, 'race')).load)]"
    )
    assert records == list(range(1, len(records) + 1))
    assert taken <= set(records)


def test_large_records_are_read_back(tabs):
    """Beyond 64 KiB, when Chromium completes the transaction before it has read them."""
    tab = tabs.open()
    tab.python(SETUP)
    tab.python(TAKE_OVER)
    assert tab.python(WRITE.format(term=1)) == "NoneType"
    tab.python("""
        import secrets

        written = [Entry(1, index, data=secrets.token_hex(300_000)) for index in (1, 2)]  # hard to compress
        for entry in written:
            assert await ask(storage.persist, Batch(entries=[entry])) is None
    """)
    assert tab.python(TAKE_OVER) == 1
    assert tab.python("list(found.entries) == written")


def test_deleting_a_journal_ends_it_in_other_tabs(pair):
    """An open end is told, and its later writes fail with an error that says why."""
    one, two = pair
    one.python(TAKE_OVER)
    one.python("storage._store.on_closed = lambda error: events.append(str(error))")
    assert two.python("await platform.delete_journal('room'); await platform.list_journals()") == []
    assert "VersionChangeError" in one.python("(await until(1))[0]")
    assert one.python(WRITE.format(term=1)) == "StorageError"


def test_a_lock_passes_on_and_can_be_stolen(pair):
    """Waiters get it in turn; a holder that is stolen from learns it."""
    one, two = pair
    one.python("lock = request_lock('lock'); await until(1)")
    two.python("lock = request_lock('lock')")
    one.python("lock.release()")
    assert two.python("await until(1)") == ["held"]
    assert one.python("await ask(platform.query_locks, 'lo')") == ["lock"]
    one.python("events.clear(); lock = request_lock('lock', steal=True)")
    assert one.python("await until(1)") == ["held"]
    assert two.python("await until(2)") == ["held", "lost"]


def test_a_hidden_tab_keeps_time_while_its_own_timers_do_not(tabs):
    """The worker's ticks come on time in a tab behind another one."""
    hidden = tabs.open()
    hidden.python(SETUP)
    tabs.open(new_window=False)
    hidden.page.wait_for("document.visibilityState === 'hidden'")
    ticks, own = hidden.python("""
        import time

        async def count(wait):
            end, count = time.monotonic() + 3, 0
            while time.monotonic() < end:
                await wait()
                count += 1
            return count

        def tick():
            fired = asyncio.get_running_loop().create_future()
            clock = platform.clock
            timer = clock.timer(lambda: fired.set_result(None))
            timer.set(clock.now_ms() + 20)
            return fired

        await asyncio.gather(count(tick), count(lambda: asyncio.sleep(0.02)))
    """)
    assert ticks > 3 * own, f"{ticks} ticks, and {own} of the page's own timers"


def test_a_frozen_tab_neither_ticks_nor_blocks_the_journal(pair):
    """It says that it freezes, leaves no transaction open, misses nothing that is said, and comes back."""
    frozen, other = pair
    frozen.python(TAKE_OVER)
    frozen.python("""
        platform.on_lifecycle(events.append)
        channel = platform.open_channel("news", events.append)
        def write():
            storage._store.load(lambda records: None)
            storage.persist(Batch(), lambda error: None)
            timer.set(platform.clock.now_ms() + 1)
        timer = platform.clock.timer(write)
        write()
    """)
    frozen.page.freeze()
    assert other.python(TAKE_OVER) is None
    assert other.python(WRITE.format(term=7)) == "NoneType"
    other.python("platform.open_channel('news', print).post('while frozen')")
    frozen.page.thaw()
    frozen.page.wait_for('runPython(\'{"resume", "while frozen"} <= set(events)\')')
    happened = frozen.python("events")
    assert happened.index("freeze") < happened.index("resume")
    assert frozen.python("type(await ask(storage.persist, Batch())).__name__") == "FencedError"


def test_localstorage_refuses_what_is_too_large_and_keeps_what_was_there(tabs):
    """A full localStorage is a clear error, and the old value stays."""
    tab = tabs.open()
    tab.python(SETUP)
    assert tab.python("""
        from webraft_web.core.errors import StorageError

        platform.mirror_set("key", "old")
        try:
            platform.mirror_set("key", "x" * 6_000_000)
            outcome = "kept"
        except StorageError as error:
            outcome = str(error).split(":")[1].strip()
        [outcome, platform.mirror_get("key"), platform.mirror_get("other")]
    """) == ["QuotaExceededError", "old", None]


def test_a_full_disk_is_a_clear_error_and_nothing_stored_is_lost(tabs):
    """Beyond the browser's quota a write fails with advice, and a later takeover finds all before it."""
    tab = tabs.open()
    tab.page.call("Storage.overrideQuotaForOrigin", origin=tabs.url.rstrip("/"), quotaSize=300_000)
    tab.python(SETUP)
    tab.python(TAKE_OVER)
    assert tab.python(WRITE.format(term=1)) == "NoneType"
    refusal = tab.python("""
        import secrets

        too_large = secrets.token_hex(500_000)  # the browser compresses what it can
        str(await ask(storage.persist, Batch(entries=[Entry(1, 1, data=too_large)])))
    """)
    assert "QuotaExceededError" in refusal
    assert "what was stored before is intact" in refusal
    assert tab.python(TAKE_OVER) == 1
    assert tab.python("len(found.entries)") == 0
    assert tab.python(WRITE.format(term=2)) == "NoneType"
