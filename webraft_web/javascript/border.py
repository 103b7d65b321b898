"""How a JavaScript page calls this package: everything crosses as JSON text, errors as Errors.

What the page holds of an object here is a proxy, which it hands back to name the
object; what it gives to be called is kept while somebody listens, or waits. An
exception is not raised into JavaScript, which would see a text of Python's, but
returned as an Error for the page's half to throw. An Error of the page's own
comes back to it as the same object.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from functools import wraps
from itertools import count
from typing import Any, Final, ParamSpec, TypeVar

from webraft_web._browser import is_js_error
from webraft_web.core.errors import BadArgumentError
from webraft_web.emitter import DONE, RAFT_EVENTS
from webraft_web.json_text import decode, encode

P = ParamSpec("P")
T = TypeVar("T")

ERROR_FIELDS: Final = {"cluster_id": "clusterId", "leader_hint": "leaderHint", "op": "op", "path": "path"}
"""What exceptions carry besides their message, and its name in JavaScript."""
_PLAIN: Final = (str, int, float, bool, list, dict, type(None))

_js_page: Any = None
_tasks: set[asyncio.Future[Any]] = set()  # which an event loop holds weakly
_numbers = count(1)
_promised: dict[int, asyncio.Future[Any]] = {}


def connect(js_page: Any) -> None:
    """Take the functions of the page's half that this one calls."""
    global _js_page  # noqa: PLW0603 - a page has one of it
    _js_page = js_page


def js_page() -> Any:
    """Return what `connect` got."""
    return _js_page


def answering(function: Callable[P, T]) -> Callable[P, T | Any]:
    """Have a function return, as an Error, what it would raise."""

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T | Any:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the page has to be told
            return to_js_error(error)

    return call


def to_js_error(error: BaseException) -> Any:
    """Return an exception as JavaScript knows it: with its class's name, and what it carries."""
    if is_js_error(error):
        return error
    told = {
        "names": [kind.__name__ for kind in type(error).__mro__],
        "message": str(error),
        **{js_name: getattr(error, name) for name, js_name in ERROR_FIELDS.items() if hasattr(error, name)},
    }
    cause = error.__cause__
    return _js_page.makeError(encode(told), None if cause is None else to_js_error(cause))


def to_result(value: Any) -> Any:
    """Return a value as JSON text, or itself where it is no value but an object."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        value = value._asdict()
    return encode(value) if isinstance(value, _PLAIN) else value


def read_text(text: str) -> Any:
    """Read what a page gave.

    Raises:
        BadArgumentError: If a document may not hold it, such as an integer beyond ±(2^53-1).
    """
    try:
        return decode(text)
    except ValueError as error:
        raise BadArgumentError(f"JSON cannot carry this for Python and JavaScript alike: {error}") from None


@answering
def read(target: Any, name: str) -> Any:
    """Return an attribute's value."""
    return to_result(getattr(target, name))


@answering
def call(target: Any, name: str, arguments: str, options: str) -> Any:
    """Call a method, or a function of a module."""
    return to_result(getattr(target, name)(*read_text(arguments), **read_text(options)))


@answering
def begin(target: Any, name: str, arguments: str, options: str, js_settle: Any) -> None:
    """Call what returns an awaitable; see `start`."""
    start(getattr(target, name)(*read_text(arguments), **read_text(options)), js_settle)


def start(awaitable: Awaitable[Any], js_settle: Any) -> None:
    """Await it; `js_settle(error)` or `js_settle(None, result)` tells how it came out."""
    task = asyncio.ensure_future(awaitable)
    _tasks.add(task)

    def over(task: asyncio.Future[Any]) -> None:
        _tasks.discard(task)
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            js_settle(None, to_result(task.result()))
        else:
            js_settle(to_js_error(error))

    task.add_done_callback(over)


async def kept(js_held: Any) -> Any:
    """Wait for a promise that comes in a box: Pyodide would wait for a bare one, and never let go of it."""
    number = next(_numbers)
    _promised[number] = future = asyncio.get_running_loop().create_future()
    try:
        _js_page.watch(js_held, number)
        return await future
    finally:
        del _promised[number]


def kept_or_broken(number: int, value: Any = None, js_error: Any = None) -> None:
    """Take what came of a promise, if somebody still waits."""
    future = _promised.get(number)
    if future is None or future.done():
        return
    if js_error is None:
        future.set_result(value)
    else:
        future.set_exception(js_error)


def kept_later(js_held: Any) -> Awaitable[Any] | None:
    """Return what waits for a promise, if JavaScript returned one."""
    return None if js_held is None else kept(js_held)


# Events


class Handler:
    """A function of JavaScript's that listens. Compared by the function.

    Args:
        js_function: What to call.
        js_owner: Its `this`, in a WeakRef.
        most: How many arguments it takes, None for any number.
    """

    def __init__(self, js_function: Any, js_owner: Any = None, most: int | None = None) -> None:
        self.js_function = js_function
        self._js_owner = js_owner
        if most is not None:
            kind = inspect.Parameter.POSITIONAL_ONLY
            names = [inspect.Parameter(f"argument_{number}", kind) for number in range(most)]
            self.__signature__ = inspect.Signature(names)

    def __call__(self, *arguments: Any) -> Any:
        if arguments and callable(arguments[-1]):
            return self._call_with_done(*arguments)
        return kept_later(self._call(_js_page.call, *arguments))

    def _call(self, js_call: Any, *arguments: Any) -> Any:
        if arguments and isinstance(arguments[0], BaseException):
            return js_call(self.js_function, self._js_owner, "[]", to_js_error(arguments[0]))
        return js_call(self.js_function, self._js_owner, encode(list(arguments)))

    def _call_with_done(self, *arguments: Any) -> Any:
        """Call it, and `done` with what it answers: at once if it did, else later."""
        *given, done = arguments
        answer = self._call(_js_page.offer, *given)
        if not isinstance(answer, str):
            return _answer_later(answer, done)
        done(*decode(answer))
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handler) and bool(self.js_function == other.js_function)

    def __hash__(self) -> int:
        return hash(self.js_function)

    def __repr__(self) -> str:
        return f"<JavaScript function {self.js_function.name!r}>"


class AsyncHandler(Handler):
    """An async function of JavaScript's that takes no `done`: what it returns is the answer."""

    async def __call__(self, *arguments: Any) -> Any:
        return decode(await kept(self._call(_js_page.answer, *arguments)))


async def _answer_later(js_answer: Any, done: Callable[..., None]) -> None:
    done(*decode(await kept(js_answer)))


@answering
def listen(
    target: Any, event: str, js_function: Any, js_owner: Any, most: int | None, is_async: bool, once: bool
) -> Any:
    """Let a function of JavaScript's listen; returns how to end that."""
    begin_to_listen = target.listen_once if once else target.listen
    if not callable(js_function):
        return begin_to_listen(event, js_function)  # which refuses it
    arguments = RAFT_EVENTS.get(event, ())
    if DONE not in arguments:
        return begin_to_listen(event, Handler(js_function, js_owner))
    if is_async and (most is None or most < len(arguments)):
        return begin_to_listen(event, AsyncHandler(js_function, js_owner))
    return begin_to_listen(event, Handler(js_function, js_owner, most))


@answering
def unlisten(target: Any, event: str, js_function: Any) -> None:
    """Have it listen no more."""
    target.unlisten(event, Handler(js_function))


@answering
def emit(target: Any, event: str, *arguments: Any) -> None:
    """Emit an event: values come as text, functions and Errors as they are."""
    target.emit(event, *(read_text(one) if isinstance(one, str) else one for one in arguments))
