"""Offers committed commands to the application's handlers, and has it refresh itself when it lags too far.

webraft's `apply` and `refresh` are the state machine here, so this is what the
driver applies entries to: in index order, one entry at a time, again until every
handler has taken it. Its own file because nothing else waits for an application.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from webraft_web.clock import Clock, Timer
from webraft_web.core.entry import Entry, EntryKind, Snapshot
from webraft_web.core.errors import BadArgumentError, RemoteProtocolError, WebraftError
from webraft_web.core.raft import Raft
from webraft_web.core.ready import RefreshRequest
from webraft_web.driver.applier import StateMachine
from webraft_web.emitter import Listener, Listeners
from webraft_web.event_loop import raise_in_loop
from webraft_web.json_text import clone, decode
from webraft_web.server.machine import Notices, Place

FIRST_PAUSE_MS: Final = 50
LONGEST_PAUSE_MS: Final = 1000
ENTRIES_PER_TURN: Final = 256
"""After so many entries, or so long, the event loop gets its turn: timers and peers wait for it."""
TURN_MS: Final = 8
CHECK_TIME_EVERY: Final = 16


class Application:
    """The application's handlers as a state machine (see `LastingMachine`).

    It outlives the driver: a server that was removed and added again goes on
    where it was, so that handlers are not offered entries twice.

    Args:
        listeners: Those of `apply` and `refresh` take part; those of `updated` are told.
        clock: For back-offs.
    """

    def __init__(self, listeners: Listeners, clock: Clock) -> None:
        self.completed = 0
        """Everything up to this index is applied."""
        self._listeners = listeners
        self._clock = clock
        self._notices: Notices
        self._cluster_id: str | None = None
        self._queue: deque[Entry] = deque()
        self._queued_to = 0
        self._current: _Round | None = None
        self._refreshing: _Round | None = None
        self._is_catching_up = False
        self._is_held = False
        self._refreshed_index = 0
        self._postponed: RefreshRequest | None = None
        self._report: Callable[[int], None] | None = None
        self._asked_to = 0
        self._reported = 0
        self._is_working = False
        self._turn_timer = clock.timer(self._work)

    def serve(self, notices: Notices) -> None:
        self._notices = notices

    def begin(self, cluster_id: str, raft: Raft, snapshot: Snapshot | None) -> StateMachine:
        # The application is asked to bring itself to a snapshot before any entry is applied.
        self._report = None
        self._asked_to = self._reported = 0
        self._is_held = False
        if cluster_id != self._cluster_id:
            self.stop()
            self._cluster_id = cluster_id
            self.completed = self._queued_to = self._refreshed_index = 0
        if snapshot is not None and snapshot.last_index > self.completed:
            self._bring_to(snapshot)
        return _Compactable(self, raft)

    def stop(self) -> None:
        """Call no handler any more, and take no answer of those that were called."""
        self._turn_timer.set(None)
        self._queue.clear()
        self._queued_to = self.completed
        self._report = None
        for unfinished in (self._current, self._refreshing):
            if unfinished is not None:
                unfinished.cancel()
        self._current = self._refreshing = None
        self._is_catching_up = False
        self._postponed = None

    def hold(self) -> None:
        self._is_held = True

    def listeners_changed(self) -> None:
        """Stop waiting for handlers that no longer listen; ask one that came late to refresh."""
        for unfinished in (self._current, self._refreshing):
            if unfinished is not None:
                unfinished.drop_unlistened()
        if self._postponed is not None and self._listeners.of("refresh"):
            self.refresh(self._postponed)

    def apply(self, entries: Sequence[Entry], done: Callable[[int], None]) -> None:
        self._report = done
        self._asked_to = entries[-1].index
        self._queue.extend(entry for entry in entries if entry.index > self._queued_to)
        self._queued_to = max(self._queued_to, self._asked_to)
        self._work()

    def restore(self, snapshot: Snapshot, done: Callable[[int], None]) -> None:
        self._report = done
        self._asked_to = snapshot.last_index
        if snapshot.last_index <= max(self.completed, self._refreshed_index):
            self._adopt(snapshot.last_index)
        else:
            self._bring_to(snapshot)

    def refresh(self, request: RefreshRequest) -> None:
        self._postponed = None
        if self._refreshing is not None:
            if self._is_catching_up:
                self._postponed = request  # what is fetched now is what the store lacks, and no more
            return  # it is at it already; whether that will do is the leader's to say
        if not self._listeners.of("refresh"):
            self._postponed = request
            error = WebraftError(
                f"this server lacks entries up to {request.last_index} that the leader no longer holds, "
                "and nobody listens to 'refresh' to fetch the state from elsewhere"
            )
            self._listeners.emit("error", error)
            return

        def answered(place: Place) -> None:
            self._refreshed_index = place[1]
            self._notices.refreshed(place)

        self._ask_to_refresh((request.last_term, request.last_index), answered)

    def take_snapshot(self) -> str | None:
        return None

    def may_compact_to(self) -> int:
        return self.completed if self._listeners.of("refresh") else 0

    def _work(self) -> None:
        """Apply what is queued until a handler makes us wait, or it is the event loop's turn."""
        if self._is_working:
            return  # a handler finished while its entry was being offered: the loop below goes on
        self._is_working = True
        try:
            is_more = self._work_a_turn()
        finally:
            self._is_working = False
        if is_more:
            # By timer, since `call_soon` may come before the event loop's turn.
            self._turn_timer.set(self._clock.now_ms())

    def _work_a_turn(self) -> bool:
        """Return whether there is more to do at once."""
        started_ms = self._clock.now_ms()
        for count in range(1, ENTRIES_PER_TURN + 1):
            if not self._can_work():
                self._report_progress()  # upon which the driver may hand over more
                if not self._can_work():
                    return False
            self._apply_next(self._queue.popleft())
            if count % CHECK_TIME_EVERY == 0 and self._clock.now_ms() - started_ms > TURN_MS:
                break
        self._report_progress()
        return self._can_work()

    def _can_work(self) -> bool:
        is_waiting = self._current is not None or self._is_catching_up or self._is_held
        return bool(self._queue) and not is_waiting

    def _apply_next(self, entry: Entry) -> None:
        if entry.kind is EntryKind.COMMAND:
            self._offer(entry)
            return
        self.completed = entry.index
        if entry.kind is EntryKind.CONFIGURATION:
            assert entry.configuration is not None
            self._notices.configuration_applied(entry.configuration)
        elif entry.kind is EntryKind.YIELD:
            self._report_progress()
            self._notices.yield_applied(entry)

    def _offer(self, entry: Entry) -> None:
        """Have all handlers apply an entry; skip one that cannot be read, alike everywhere."""
        listeners = self._listeners.of("apply")
        if not listeners:
            self._complete(entry.index)
            return
        try:
            command = decode(entry.data)
        except ValueError as error:
            # Only another program could propose it; to wait until it can be read would be for ever.
            self._complete(entry.index)
            report = f"skipped the command at index {entry.index}, which cannot be read: {error!s:.200}"
            self._listeners.emit("error", RemoteProtocolError(report))
            return

        def call(listener: Listener, *done: Callable[..., None]) -> Any:
            # A copy at each try: a handler may change what it gets, and then fail.
            return listener.call(clone(command), entry.index, *done)

        def over(_: list[Any]) -> None:
            self._current = None
            self._complete(entry.index)
            self._work()

        self._current = _Round(self._listeners, self._clock, "apply", call, _read_apply_answer, over)
        self._current.start(listeners)

    def _complete(self, index: int) -> None:
        self.completed = index
        self._listeners.emit("updated", index)

    def _bring_to(self, snapshot: Snapshot) -> None:
        """Have the application bring itself to a snapshot without data; nothing is applied before."""
        self._is_catching_up = True
        announced = (snapshot.last_term, snapshot.last_index)
        self._ask_to_refresh(announced, lambda _: self._adopt(snapshot.last_index))

    def _adopt(self, index: int) -> None:
        """Go on after `index`, since the application stands there."""
        self._is_catching_up = False
        if index > self.completed:
            while self._queue and self._queue[0].index <= index:
                self._queue.popleft()
            self._queued_to = max(self._queued_to, index)
            self._complete(index)
        self._work()
        if self._postponed is not None:
            self.refresh(self._postponed)

    def _ask_to_refresh(self, announced: Place, answered: Callable[[Place], None]) -> None:
        """Call the `refresh` handlers; `answered` gets the earliest place, so that nobody misses an entry.

        Args:
            announced: The place that is needed at least: entries up to there are gone.
            answered: Called once all have answered.
        """

        def call(listener: Listener, *done: Callable[..., None]) -> Any:
            return listener.call(*done)

        def read(*answer: Any) -> Place:
            place = _read_refresh_answer(announced, *answer)
            if place[1] < announced[1]:
                raise WebraftError(
                    f"the application refreshed itself to index {place[1]}, but the entries up to "
                    f"{announced[1]} are gone: it needs a newer state"
                )
            return place

        def over(places: list[Place]) -> None:
            self._refreshing = None
            answered(min(places, key=lambda place: place[1], default=announced))

        if self._refreshing is not None:
            self._refreshing.cancel()
        self._refreshing = _Round(self._listeners, self._clock, "refresh", call, read, over)
        self._refreshing.start(self._listeners.of("refresh"))

    def _report_progress(self) -> None:
        """Tell how far the application is; while that is told, it may get further."""
        while self._report is not None and min(self.completed, self._asked_to) > self._reported:
            self._reported = min(self.completed, self._asked_to)
            self._report(self._reported)


class _Compactable:
    """The application as a state machine whose leader spares its followers a refresh.

    While a follower answers, what it still lacks is kept: to refresh is dear.
    """

    def __init__(self, application: Application, raft: Raft) -> None:
        self.apply = application.apply
        self.restore = application.restore
        self.refresh = application.refresh
        self.take_snapshot = application.take_snapshot
        self._application = application
        self._raft = raft

    def may_compact_to(self) -> int:
        index = self._application.may_compact_to()
        leadership = self._raft.leadership
        if leadership is not None:
            matches = [peer.match_index for peer in leadership.progress.values() if peer.is_recently_active]
            index = min([index, *matches])
        # An application knows commands only: of another index it could never say that it stands there.
        log = self._raft.log
        while index >= log.first_index and log.entries_from(index, 1)[0].kind is not EntryKind.COMMAND:
            index -= 1
        return index


class _Round:
    """One occasion on which all listeners of an event have to finish, each tried until it does.

    Args:
        call: Calls a listener, with `done` unless it is a coroutine function.
        read: Turns what `done` got, or the coroutine returned, into an answer; raises if it is none.
        over: Called with all answers once nobody is waited for.
    """

    def __init__(
        self,
        listeners: Listeners,
        clock: Clock,
        event: str,
        call: Callable[..., Any],
        read: Callable[..., Any],
        over: Callable[[list[Any]], None],
    ) -> None:
        self._listeners = listeners
        self._clock = clock
        self._event = event
        self._call = call
        self._read = read
        self._over = over
        self._waiting_for: list[Listener] = []
        self._timers: dict[Listener, Timer] = {}
        self._answers: list[Any] = []
        self._is_over = False

    def start(self, listeners: Sequence[Listener]) -> None:
        self._waiting_for = list(listeners)
        for listener in listeners:
            if listener in self._waiting_for:
                self._try(listener, FIRST_PAUSE_MS)
        self._look_whether_over()

    def cancel(self) -> None:
        self._is_over = True
        for timer in self._timers.values():
            timer.close()
        self._timers.clear()

    def drop_unlistened(self) -> None:
        listening = self._listeners.of(self._event)
        self._waiting_for = [listener for listener in self._waiting_for if listener in listening]
        self._look_whether_over()

    def _try(self, listener: Listener, pause_ms: int) -> None:
        """Call `listener`; if it fails, again after `pause_ms`."""
        has_answered = False

        def done(*answer: Any) -> None:
            nonlocal has_answered
            if has_answered or self._is_over or listener not in self._waiting_for:
                return  # each call counts once
            has_answered = True
            try:
                self._answers.append(self._read(*answer))
            except Exception as error:  # noqa: BLE001 - "not done", for whatever reason
                self._try_again(listener, pause_ms, error)
                return
            self._finished(listener)

        def returned(result: Any, error: BaseException | None) -> None:
            done(*self._as_answer(error if error is not None else result))

        try:
            if listener.is_coroutine_function:
                self._listeners.run(self._event, self._call(listener), returned)
            else:
                self._run_if_awaitable(self._call(listener, done), done)
        except BaseException as error:  # noqa: BLE001 - any handler may raise anything
            if not isinstance(error, Exception):
                raise_in_loop(error)  # and not amid the entries that are handed out
            done(error)

    def _run_if_awaitable(self, result: Any, done: Callable[..., None]) -> None:
        """Let what a plain handler returned run; that it fails counts, `done` it has to call itself."""
        if inspect.isawaitable(result):
            self._listeners.run(self._event, result, lambda _, error: done(error) if error else None)

    def _as_answer(self, result: Any) -> tuple[Any, ...]:
        """Return what a plain handler would have given to `done`."""
        if isinstance(result, BaseException):
            return (result,)
        if self._event == "apply" or result is None:
            return ()
        return tuple(result) if isinstance(result, tuple | list) else (result,)

    def _try_again(self, listener: Listener, pause_ms: int, error: Exception) -> None:
        self._listeners.failed(self._event, error)
        if self._is_over or listener not in self._waiting_for:
            return  # the handler of `error` closed the server, or took the listener away

        def retry() -> None:
            self._timers.pop(listener).close()
            self._try(listener, min(2 * pause_ms, LONGEST_PAUSE_MS))

        timer = self._timers[listener] = self._clock.timer(retry)
        timer.set(self._clock.now_ms() + pause_ms)

    def _finished(self, listener: Listener) -> None:
        self._waiting_for.remove(listener)
        if listener.once:
            self._listeners.remove(self._event, listener)
        self._look_whether_over()

    def _look_whether_over(self) -> None:
        if not self._is_over and not self._waiting_for:
            self.cancel()
            self._over(self._answers)


def _read_apply_answer(error: Any = None, *_: Any) -> None:
    """Read `done()` or `done(error)`."""
    if isinstance(error, BaseException):
        raise error if isinstance(error, Exception) else WebraftError(f"the handler was stopped: {error!r}")
    if error:
        raise WebraftError(f"the handler did not apply the entry: {error!s:.200}")


def _read_refresh_answer(announced: Place, *answer: Any) -> Place:
    """Read `done()`, `done(term, index)` or `done(error)`."""
    if all(part is None for part in answer):
        return announced
    if isinstance(answer[0], BaseException):
        raise answer[0] if isinstance(answer[0], Exception) else WebraftError(f"stopped: {answer[0]!r}")
    term, index = (*answer[:2], None, None)[:2]
    if type(term) is not int or type(index) is not int or term < 0 or index < 0:
        raise BadArgumentError(f"refresh is answered with (term, index) or with nothing, got {answer!r:.100}")
    return term, index
