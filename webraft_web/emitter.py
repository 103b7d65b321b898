"""Events by name, as in webraft: who listens, and how a handler is called.

Its own file because it knows nothing of Raft: the document's handle emits with
it too. What differs from event to event is one table, from names to arguments.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from webraft_web.core.errors import BadArgumentError, ConfigError
from webraft_web.event_loop import raise_in_loop

Handler = Callable[..., Any]

DONE: Final = "done"
"""The argument by which a plain handler says that it has finished; a coroutine function returns instead."""

RAFT_EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "join": ("address",),
    "leave": ("address",),
    "leader": (),
    "candidate": (),
    "follower": (),
    "state changed": ("state",),
    "heartbeat timeout": (),
    "start election": (),
    "apply": ("entry", "index", DONE),
    "refresh": (DONE,),
    "updated": ("index",),
    "error": ("exception",),
}
"""webraft's eleven events and `error`, with what their handlers get."""

_logger = logging.getLogger("webraft_web")


class Listener:
    """One handler, and how many arguments it accepts. Compared by its handler.

    Raises:
        ConfigError: If the handler cannot be called with what the event gives.
    """

    __slots__ = ("_most", "handler", "is_coroutine_function", "once")

    def __init__(
        self, event: str, arguments: tuple[str, ...], handler: Handler, *, once: bool = False
    ) -> None:
        self.handler = handler
        self.once = once
        self.is_coroutine_function = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
            getattr(handler, "__call__", None)  # noqa: B004 - an object whose __call__ is `async def`
        )
        has_done = DONE in arguments
        given = arguments[:-1] if has_done and self.is_coroutine_function else arguments
        least, most = _accepted_arguments(handler, len(given))
        if least > len(given) or (has_done and not self.is_coroutine_function and most < len(given)):
            kind = "coroutine function" if self.is_coroutine_function else "plain function"
            raise ConfigError(
                f"a {kind} that handles {event!r} gets ({', '.join(given)}), "
                f"but {handler!r} takes {least if least > len(given) else most} positional arguments"
            )
        self._most = most

    def call(self, *arguments: object) -> Any:
        """Call the handler with as many of `arguments` as it accepts."""
        return self.handler(*arguments[: self._most])


def _accepted_arguments(handler: Handler, given: int) -> tuple[int, int]:
    """Return the least and the greatest number of positional arguments, the latter at most `given`."""
    if not callable(handler):
        raise BadArgumentError(f"a handler must be callable, got {handler!r}")
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return given, given  # some built-ins and JavaScript functions do not tell
    least = most = 0
    for parameter in parameters:
        if parameter.kind is parameter.VAR_POSITIONAL:
            most = given
        elif parameter.kind in {parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD}:
            most += 1
            least += parameter.default is parameter.empty
        elif parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise ConfigError(f"{handler!r} needs the keyword {parameter.name!r}, which no event gives")
    return least, min(most, given)


class Listeners:
    """Who listens to which event: what `Emitter` keeps, and what waits for handlers works with.

    Args:
        events: The names that exist, each with the names of its handlers' arguments.
    """

    def __init__(self, events: Mapping[str, tuple[str, ...]]) -> None:
        self._event_arguments = events
        self._listeners: dict[str, tuple[Listener, ...]] = dict.fromkeys(events, ())
        self._tasks: set[asyncio.Future[Any]] = set()
        self.on_changed: Callable[[], None] | None = None
        """Told whenever somebody began or ceased to listen."""

    def of(self, event: object) -> tuple[Listener, ...]:
        """Return those that listen to `event` now, in the order in which they came.

        Raises:
            BadArgumentError: If there is no such event; it names the nearest.
        """
        listeners = self._listeners.get(event) if isinstance(event, str) else None
        if listeners is None:
            raise BadArgumentError(self._no_such_event(event))
        return listeners

    def add(self, event: str, handler: Handler, *, once: bool) -> Callable[[], None]:
        """Begin to listen, and return how to end it."""
        listeners = self.of(event)
        listener = Listener(event, self._event_arguments[event], handler, once=once)
        self._listeners[event] = (*listeners, listener)
        self._changed()
        return lambda: self.remove(event, listener)

    def remove(self, event: str, listener: Listener) -> None:
        """Take one listener away, if it is there."""
        self._listeners[event] = tuple(other for other in self.of(event) if other is not listener)
        self._changed()

    def emit(self, event: str, *arguments: object) -> None:
        """Call every handler of `event` now; coroutines run as tasks."""
        listeners = self.of(event)
        if event == "error" and not listeners:
            _logger.warning("%s: %s", type(arguments[0]).__name__, arguments[0])
        for listener in listeners:
            if listener not in self._listeners[event]:
                continue  # an earlier handler of this very event removed it
            if listener.once:
                self.remove(event, listener)
            try:
                result = listener.call(*arguments)
            except Exception as error:  # noqa: BLE001 - any handler may raise anything
                self.failed(event, error)
                continue
            except (KeyboardInterrupt, SystemExit) as error:
                raise_in_loop(error)  # and not amid what is emitted from
                continue
            if result is not None and inspect.isawaitable(result):
                self.run(event, result)

    def run(
        self,
        event: str,
        handler_result: Awaitable[Any],
        finished: Callable[[Any, BaseException | None], None] | None = None,
    ) -> None:
        """Let a handler's coroutine run; with `finished(result, exception)` its errors are the caller's."""
        task = asyncio.ensure_future(handler_result)
        self._tasks.add(task)

        def over(task: asyncio.Future[Any]) -> None:
            self._tasks.discard(task)
            error = asyncio.CancelledError() if task.cancelled() else task.exception()
            if finished is not None:
                finished(None if error else task.result(), error)
            elif isinstance(error, Exception):
                self.failed(event, error)

        task.add_done_callback(over)

    def failed(self, event: str, error: Exception) -> None:
        """Log a handler's exception and emit it as `error`."""
        _logger.error("a handler of %r failed", event, exc_info=error)
        if event != "error" and "error" in self._listeners:
            self.emit("error", error)

    def cancel(self) -> list[asyncio.Future[Any]]:
        """Cancel the coroutines that still run, other than the caller's own, and return them."""
        try:
            current = asyncio.current_task()
        except RuntimeError:
            current = None  # called from outside the event loop
        tasks = [task for task in self._tasks if task is not current]
        for task in tasks:
            task.cancel()
        return tasks

    def clear(self) -> None:
        """Let nobody listen any more; nobody is told."""
        self._listeners = dict.fromkeys(self._listeners, ())

    def _changed(self) -> None:
        if self.on_changed is not None:
            self.on_changed()

    def _no_such_event(self, event: object) -> str:
        from difflib import get_close_matches  # noqa: PLC0415 - only mistakes need it, and imports cost time

        given = str(event)[:40]
        nearest = get_close_matches(given.replace("_", " ").lower(), self._listeners, n=1, cutoff=0.0)[0]
        names = ", ".join(self._listeners)
        return f"there is no event {given!r}; did you mean {nearest!r}? There are: {names}"


class Emitter:
    """Lets others listen to events of fixed names. Handlers are compared with `==`.

    A handler gets as many arguments as it accepts and may be a coroutine
    function. Its exception is logged and emitted as `error`; it reaches neither
    the emitting code nor the other handlers.

    Args:
        events: The names that exist, each with the names of its handlers' arguments.
    """

    def __init__(self, events: Mapping[str, tuple[str, ...]] = RAFT_EVENTS) -> None:
        self._listeners = Listeners(events)

    def listen(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` at each such event, until the returned function is called.

        Raises:
            BadArgumentError: If there is no such event (also a ValueError).
            ConfigError: If the handler cannot take what the event gives.
        """
        return self._listeners.add(event, handler, once=False)

    def listen_once(self, event: str, handler: Handler) -> Callable[[], None]:
        """Call `handler` at the next such event only; the returned function takes it back."""
        return self._listeners.add(event, handler, once=True)

    def unlisten(self, event: str, handler: Handler) -> None:
        """Call `handler` no more; do nothing if it does not listen."""
        for listener in self._listeners.of(event):
            if listener.handler == handler:
                self._listeners.remove(event, listener)
                return

    def emit(self, event: str, *arguments: object) -> None:
        """Call every handler of `event` now; coroutines run as tasks."""
        self._listeners.emit(event, *arguments)

    def forget_listeners(self) -> None:
        """Call no handler any more: nothing will be emitted, and handlers may hold whatever they like."""
        self._listeners.clear()
