"""Several tabs of one browser, simulated in virtual time: they can be killed, frozen and hung at any step.

The tabs of a `Browser` share what real ones share: channels, locks, journals
and localStorage. Each `Tab` is a `site.platform.Platform`, and behaves as was
measured in real browsers: a frozen page hears its channels but nothing else, a
hung one catches up with everything when it wakes, and what a killed one had
posted or written still arrives. Run it with `webraft_web.testing.run`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any

from webraft_web.clock import AsyncioClock, Timer
from webraft_web.core.errors import StorageError
from webraft_web.document import SharedDocument
from webraft_web.site.page import Page
from webraft_web.storage.journal import JournalStore
from webraft_web.testing.internet import Internet, SimulatedMesh
from webraft_web.testing.journal import MemoryJournal, MemoryJournalStore
from webraft_web.testing.locks import Locks, SimulatedLock


class _Mood(Enum):
    """What a page is able to do."""

    AWAKE = "awake"
    FROZEN = "frozen"
    HUNG = "hung"
    DEAD = "dead"


class Browser:
    """A browser profile, whose tabs come and go.

    Args:
        seed: For latencies and ids: the same seed gives the same run.

    Attributes:
        journals: The databases, by room; they outlive tabs, as they do in a browser.
        mirror: localStorage.
        mirror_limit: How many characters one value of localStorage may have.
        loses: Asked for every text on its way to a tab: whether it gets lost.
        has_locks, has_journals: What the browser offers.
        is_kept: Whether it was asked to keep what is stored.
        internet: What connects it with other browsers.
    """

    def __init__(self, seed: int = 0, internet: Internet | None = None) -> None:
        self.internet = internet or Internet(seed)
        self.random = random.Random(seed)  # noqa: S311 - repeatable on purpose
        self.tabs: list[Tab] = []
        self.journals: dict[str, MemoryJournal] = {}
        self.mirror: dict[str, str] = {}
        self.mirror_limit = 5_000_000
        self.loses: Callable[[Tab, str], bool] = lambda _tab, _text: False
        self.has_locks = True
        self.has_journals = True
        self.is_kept = False
        self.locks = Locks()

    def open_tab(self, *, is_visible: bool = True) -> Tab:
        """Open a page of this origin."""
        tab = Tab(self, is_visible=is_visible)
        self.tabs.append(tab)
        return tab

    def kill(self) -> None:
        """Kill all tabs at once; what is stored stays."""
        for tab in list(self.tabs):
            tab.kill()

    def broadcast(self, sender: SimulatedChannel, text: str) -> None:
        """Carry a text to every other end of the sender's channel."""
        for tab in self.tabs:
            for end in tab.channels:
                if end.name == sender.name and end is not sender and not self.loses(tab, text):
                    tab.happen(end.hear, text, source=id(sender))


class Tab:
    """One page: the platform it offers, and the accidents that befall it.

    Attributes:
        page: Its rooms.
        fragment: Of its address, as the link had it that was opened.
        steps: How many things have happened to it, or were done by it, so far.
        kill_at: The step at which it is killed; what it does after that has no effect.
    """

    def __init__(self, browser: Browser, *, is_visible: bool) -> None:
        self.browser = browser
        self.clock = _TabClock(self)
        self.channels: list[SimulatedChannel] = []
        self.fragment = ""
        self.page = Page(self, self._open_mesh)
        self.steps = 0
        self.kill_at: int | None = None
        self._mood = _Mood.AWAKE
        self._is_visible = is_visible
        self._put_off: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        self._lifecycle: list[Callable[[str], None]] = []
        self._loop = asyncio.get_running_loop()
        self._arrivals: dict[object, float] = {}
        self.stores: list[_TabStore] = []

    async def join_room(self, name: str, **options: Any) -> SharedDocument:
        """Join a room in this tab, as `webraft_web.join_room` would."""
        return await self.page.join_room(name, **options)

    def _open_mesh(self, room: str, secret: str, **options: Any) -> Awaitable[SimulatedMesh]:
        callbacks = {name: options[name] for name in ("claim", "on_link", "on_error")}
        return self.browser.internet.open_mesh(self, room, secret, **callbacks)

    # Accidents

    def is_dead(self) -> bool:
        """Whether the page's process has ended."""
        return self._mood is _Mood.DEAD

    def kill(self) -> None:
        """Let the page's process end at once."""
        if self._mood is _Mood.DEAD:
            return
        self._mood = _Mood.DEAD
        self.browser.tabs.remove(self)
        self._put_off.clear()
        for store in list(self.stores):
            store.close()
        self.browser.locks.release_all(self)

    def freeze(self) -> None:
        """Freeze the page as a browser does in the background: once it is done with all else, it is told."""
        self._mood = _Mood.AWAKE
        self._tell("freeze")
        self._mood = _Mood.FROZEN

    def resume(self) -> None:
        """Let a frozen page go on: it is told first."""
        self._mood = _Mood.AWAKE
        self._tell("resume")
        self._catch_up()

    def hang(self) -> None:
        """Block the page without warning, as by a long computation: nothing happens in it."""
        self._mood = _Mood.HUNG

    def wake(self) -> None:
        """End the block: all that was put off happens now, in order."""
        self._mood = _Mood.AWAKE
        self._catch_up()

    def navigate_away(self) -> None:
        """Put the page into the back/forward cache; it is told first, after what it is busy with."""
        self._mood = _Mood.AWAKE
        self._tell("pagehide")
        self._mood = _Mood.FROZEN

    def navigate_back(self) -> None:
        """Take the page out of the back/forward cache."""
        self._mood = _Mood.AWAKE
        self._tell("pageshow")
        self._catch_up()

    def hide(self) -> None:
        """Bring another tab to the front."""
        self._is_visible = False
        self._tell("hidden")

    def show(self) -> None:
        """Bring this tab to the front."""
        self._is_visible = True
        self._tell("visible")

    # What happens in the page

    def happen(self, callback: Callable[..., None], *args: object, source: object = None) -> None:
        """Have `callback` run in this page after a while, in order with others of the same source."""
        earliest = self._loop.time() + self.browser.random.uniform(0.0002, 0.0015)
        when = max(earliest, self._arrivals.get(source, 0.0) + 1e-6)
        self._arrivals[source] = when
        self._loop.call_at(when, self.run, callback, args)

    def run(self, callback: Callable[..., None], args: Sequence[object] = ()) -> None:
        """Run `callback` in this page now, or when it can."""
        hears = isinstance(getattr(callback, "__self__", None), SimulatedChannel)
        if self._mood is _Mood.HUNG or (self._mood is _Mood.FROZEN and not hears):
            self._put_off.append((callback, tuple(args)))
        elif self.acts():
            callback(*args)

    def acts(self) -> bool:
        """Count a step; return whether the page lived to do it."""
        if self._mood is _Mood.DEAD:
            return False
        self.steps += 1
        if self.steps == self.kill_at:
            self.kill()
            return False
        return True

    def _tell(self, event: str) -> None:
        for handler in list(self._lifecycle):
            self.run(handler, (event,))  # a page that hangs learns of it afterwards

    def _catch_up(self) -> None:
        put_off, self._put_off = self._put_off, []
        for callback, args in put_off:
            self._loop.call_soon(self.run, callback, args)

    # What the page offers

    @property
    def has_locks(self) -> bool:
        """Whether there are Web Locks."""
        return self.browser.has_locks

    @property
    def has_journals(self) -> bool:
        """Whether there is IndexedDB."""
        return self.browser.has_journals

    @property
    def has_mirror(self) -> bool:
        """Whether there is localStorage."""
        return True

    @property
    def keeps_in(self) -> str:
        """What journals are kept in."""
        return "indexeddb"

    def open_channel(self, name: str, on_text: Callable[[str], None]) -> SimulatedChannel:
        channel = SimulatedChannel(self, name, on_text)
        self.channels.append(channel)
        return channel

    def request_lock(
        self,
        name: str,
        *,
        steal: bool = False,
        on_held: Callable[[], None],
        on_lost: Callable[[str], None],
    ) -> SimulatedLock:
        lock = SimulatedLock(self.browser.locks, self, name, on_held, on_lost)
        if self.acts():
            self.browser.locks.request(lock, steal=steal)
        return lock

    def query_locks(self, prefix: str, done: Callable[[list[str]], None]) -> None:
        if self.acts():
            self.happen(done, self.browser.locks.held_names(prefix), source="locks")

    def open_journal(self, name: str, done: Callable[[JournalStore | StorageError], None]) -> None:
        if self.acts():
            journal = self.browser.journals.setdefault(name, MemoryJournal(name))
            store = _TabStore(self, journal)
            self.stores.append(store)
            self.happen(done, store, source="journal")

    async def list_journals(self) -> list[str]:
        return sorted(self.browser.journals)

    async def delete_journal(self, name: str) -> None:
        journal = self.browser.journals.pop(name, None)
        if journal is not None:
            journal.delete()

    async def dump_journal(self, name: str) -> list[tuple[Any, str]] | None:
        journal = self.browser.journals.get(name)
        return None if journal is None else journal.dump()

    def keep_stored(self) -> None:
        self.browser.is_kept = True

    def on_lifecycle(self, handler: Callable[[str], None]) -> Callable[[], None]:
        self._lifecycle.append(handler)
        return lambda: self._lifecycle.remove(handler)

    def is_visible(self) -> bool:
        return self._is_visible

    def page_url(self) -> str:
        return "https://example.org/board"

    def page_fragment(self) -> str:
        return self.fragment

    def mirror_get(self, key: str) -> str | None:
        return self.browser.mirror.get(key)

    def mirror_set(self, key: str, text: str) -> None:
        if len(text) > self.browser.mirror_limit:
            raise StorageError(f"localStorage is full: {len(text)} characters do not fit")
        if self.acts():
            self.browser.mirror[key] = text

    def mirror_remove(self, key: str) -> None:
        self.browser.mirror.pop(key, None)

    def random_id(self) -> str:
        return f"{self.browser.random.getrandbits(128):032x}"


class SimulatedChannel:
    """One end of a channel."""

    def __init__(self, tab: Tab, name: str, on_text: Callable[[str], None]) -> None:
        self.name = name
        self._tab = tab
        self._on_text = on_text
        self._is_closed = False

    def post(self, text: str) -> None:
        if not self._is_closed and self._tab.acts():
            self._tab.browser.broadcast(self, text)

    def hear(self, text: str) -> None:
        """Take in a text, unless this end was closed while it was on its way."""
        if not self._is_closed:
            self._on_text(text)

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._tab.channels.remove(self)


class _TabStore(MemoryJournalStore):
    """A journal's open end in a tab: dead tabs write nothing."""

    def __init__(self, tab: Tab, journal: MemoryJournal) -> None:
        super().__init__(journal, lambda answer: tab.happen(answer, source="journal"))
        journal.stores.append(self)
        self._tab = tab

    def load(self, done: Callable[[list[tuple[int, str]] | StorageError], None]) -> None:
        if self._tab.acts():
            super().load(done)

    def add(
        self,
        position: int,
        text: str,
        *,
        discard: Sequence[tuple[int, int]] = (),
        strict: bool = False,
        done: Callable[[StorageError | None], None],
    ) -> None:
        if self._tab.acts():
            super().add(position, text, discard=discard, strict=strict, done=done)

    def reaches(self, position: int, done: Callable[[bool | StorageError], None]) -> None:
        if self._tab.acts():
            super().reaches(position, done)

    def close(self) -> None:
        super().close()
        if self in self._tab.stores:
            self._tab.stores.remove(self)


class _TabClock:
    """The loop's virtual time, for a page that may be asleep."""

    def __init__(self, tab: Tab) -> None:
        self._tab = tab
        self._clock = AsyncioClock()

    def now_ms(self) -> int:
        return self._clock.now_ms()

    def timer(self, callback: Callable[[], None]) -> Timer:
        return self._clock.timer(lambda: self._tab.run(callback))

    def call_soon(self, callback: Callable[[], None]) -> None:
        # A microtask: it belongs to the turn that asked for it, so nothing can come between.
        self._clock.call_soon(lambda: callback() if self._tab.acts() else None)
