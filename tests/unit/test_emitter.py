"""Events by name: who is called, with what, and what happens when a handler fails."""

import asyncio
import functools
import sys

import pytest

from webraft_web import BadArgumentError, ConfigError, Emitter
from webraft_web.testing import run

EVENTS = {"moved": ("x", "y"), "error": ("exception",), "work": ("item", "done")}


def test_handlers_are_called_in_the_order_in_which_they_came():
    """Each with the event's arguments."""
    emitter = Emitter(EVENTS)
    seen = []
    emitter.listen("moved", lambda x, y: seen.append((1, x, y)))
    emitter.listen("moved", lambda x, y: seen.append((2, x, y)))
    emitter.emit("moved", "a", "b")
    assert seen == [(1, "a", "b"), (2, "a", "b")]


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (lambda: (), ()),
        (lambda x: (x,), (1,)),
        (lambda x, y: (x, y), (1, 2)),
        (lambda *both: both, (1, 2)),
        (lambda x, *rest: (x, *rest), (1, 2)),
        (lambda x, y, z=3: (x, y, z), (1, 2, 3)),
        (lambda x, *, key=0: (x,), (1,)),
    ],
)
def test_a_handler_gets_as_many_arguments_as_it_accepts(handler, expected):
    """Fewer than the event has, or all of them, but never more."""
    emitter = Emitter(EVENTS)
    seen = []
    emitter.listen("moved", handler_that_notes(handler, seen))
    emitter.emit("moved", 1, 2)
    assert seen == [expected]


def handler_that_notes(handler, seen):
    @functools.wraps(handler)
    def noting(*arguments):
        seen.append(handler(*arguments))

    return noting


def test_bound_methods_partials_and_built_ins_are_handlers_too():
    """Whatever can be called; a method's `self` does not count."""
    emitter = Emitter(EVENTS)
    seen = []

    class Thing:
        def method(self, x):
            seen.append(x)

        def __call__(self, x, y):
            seen.append((x, y))

    emitter.listen("moved", Thing().method)
    emitter.listen("moved", Thing())
    emitter.listen("moved", functools.partial(Thing().method, "bound"))
    emitter.listen("moved", seen.append)
    emitter.emit("moved", 1, 2)
    assert seen == [1, (1, 2), "bound", 1]


def test_unlisten_compares_handlers_by_equality():
    """A bound method is another object at each access, and yet the same handler."""
    emitter = Emitter(EVENTS)
    seen = []
    emitter.listen("moved", seen.append)
    emitter.unlisten("moved", seen.append)
    emitter.unlisten("moved", seen.append)
    emitter.emit("moved", 1, 2)
    assert seen == []


def test_listen_returns_how_to_unlisten_that_one_listener():
    """Of two times the same handler only one goes, and twice does no harm."""
    emitter = Emitter(EVENTS)
    seen = []
    unlisten = emitter.listen("moved", seen.append)
    emitter.listen("moved", seen.append)
    unlisten()
    unlisten()
    emitter.emit("moved", 1, 2)
    assert seen == [1]


def test_listen_once_hears_one_event():
    """Even if the handler emits the event again."""
    emitter = Emitter(EVENTS)
    seen = []

    def again(x):
        seen.append(x)
        emitter.emit("moved", x + 1, 0)

    emitter.listen_once("moved", again)
    emitter.emit("moved", 1, 2)
    emitter.emit("moved", 5, 2)
    assert seen == [1]


def test_a_handler_removed_by_an_earlier_one_is_not_called():
    """Removal counts at once; one added meanwhile waits for the next event."""
    emitter = Emitter(EVENTS)
    seen = []

    def first():
        emitter.unlisten("moved", seen.append)
        emitter.listen_once("moved", lambda: seen.append("added"))

    emitter.listen_once("moved", first)
    emitter.listen("moved", seen.append)
    emitter.emit("moved", 1, 2)
    assert seen == []
    emitter.emit("moved", 1, 2)
    assert seen == ["added"]


@pytest.mark.parametrize("wrong", ["move", "Moved", "", "errors", 7, [], {}, None])
def test_an_unknown_name_is_refused_by_every_method(wrong):
    """As a ValueError that names the nearest and lists them all."""
    emitter = Emitter(EVENTS)
    for call in (
        lambda: emitter.listen(wrong, print),
        lambda: emitter.listen_once(wrong, print),
        lambda: emitter.unlisten(wrong, print),
        lambda: emitter.emit(wrong),
    ):
        with pytest.raises(ValueError, match=r"did you mean .*moved, error, work") as caught:
            call()
        assert isinstance(caught.value, BadArgumentError)


def test_an_unknown_name_is_quoted_as_it_was_given():
    """Else whoever wrote an underline for a space is told that the right name does not exist."""
    with pytest.raises(BadArgumentError, match="no event 'state_changed'; did you mean 'state changed'"):
        Emitter().listen("state_changed", print)


def test_the_nearest_name_is_named():
    """Spelling, case and underscores are forgiven in the search."""
    with pytest.raises(ValueError, match="did you mean 'heartbeat timeout'"):
        Emitter().listen("Heartbeat_Timeout", print)
    with pytest.raises(ValueError, match="did you mean 'state changed'"):
        Emitter().listen("state change", print)


@pytest.mark.parametrize(
    "handler",
    [
        lambda x, y, z: None,
        lambda x, *, needed: None,
        "not callable",
        None,
    ],
)
def test_what_the_event_cannot_call_is_refused_at_once(handler):
    """Not when it happens, which may be never in a test and often in production."""
    with pytest.raises(ValueError):  # noqa: PT011 - ConfigError and BadArgumentError both are
        Emitter(EVENTS).listen("moved", handler)


def test_a_plain_handler_has_to_take_done_and_a_coroutine_function_must_not():
    """One tells by calling, the other by returning."""
    emitter = Emitter(EVENTS)
    emitter.listen("work", lambda item, done: None)

    async def takes_item(item):
        """Work."""

    async def takes_done(item, done):
        """Wait for what never comes."""

    emitter.listen("work", takes_item)
    with pytest.raises(ConfigError, match="coroutine function"):
        emitter.listen("work", takes_done)
    with pytest.raises(ConfigError, match="plain function"):
        emitter.listen("work", lambda item: None)


def test_an_exception_is_emitted_as_error_and_stops_nobody():
    """Plain or coroutine; one in an `error` handler is only logged."""

    async def main():
        emitter = Emitter(EVENTS)
        seen = []

        async def fails_later():
            await asyncio.sleep(1)
            raise KeyError

        emitter.listen("moved", lambda: 1 / 0)
        emitter.listen("moved", fails_later)
        emitter.listen("moved", seen.append)
        emitter.listen("error", lambda: 1 / 0)
        emitter.listen("error", lambda error: seen.append(type(error)))
        emitter.emit("moved", 1, 2)
        await asyncio.sleep(2)
        assert seen == [ZeroDivisionError, 1, KeyError]

    run(main())


def test_listeners_may_be_forgotten():
    """All at once; whoever listens afterwards is heard."""
    emitter = Emitter(EVENTS)
    heard = []
    unlisten = emitter.listen("moved", lambda: heard.append("before"))
    emitter.forget_listeners()
    emitter.listen("moved", lambda: heard.append("after"))
    emitter.emit("moved", 1, 2)
    unlisten()
    assert heard == ["after"]


def test_errors_that_nobody_hears_are_logged(caplog):
    """Silence would be the worst answer."""
    Emitter(EVENTS).emit("error", OSError("unheard of"))
    assert "unheard of" in caplog.text


def test_a_handler_that_ends_the_program_does_not_end_what_is_emitted_from():
    """The event loop gets to raise it, afterwards; where none runs, the caller does."""
    emitter, seen = Emitter(EVENTS), []
    emitter.listen("moved", lambda: sys.exit(3))
    emitter.listen("moved", lambda: seen.append("the next one"))

    async def emit():
        emitter.emit("moved", 1, 2)
        seen.append("went on")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with pytest.raises(SystemExit):
        run(emit())
    assert seen == ["the next one", "went on"]
    with pytest.raises(SystemExit):
        emitter.emit("moved", 1, 2)
