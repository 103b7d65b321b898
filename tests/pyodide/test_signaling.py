"""What finds other browsers, on the browser's own sockets and cryptography, met by Python outside of it.

Node runs Pyodide without WebCrypto and WebSocket: there, the errors say so.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from demo.signaling import serve_forever
from tests.unit.signaling.worlds import AUTHENTICATION, ROOM, SEALED, SECRET, TOPIC, Page
from webraft_web.clock import AsyncioClock
from webraft_web.transports.keys import derive_keys
from webraft_web.transports.signaling.strategies import strategy_for

NATIVE_PAGE = "c" * 32
BROWSER_PAGE = "b" * 32


class Native:
    """A signalling server, and a page outside of browsers that answers signals, on a thread of their own."""

    def __init__(self) -> None:
        self.url = ""
        self._is_ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._thread.start()
        assert self._is_ready.wait(30)

    async def _main(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        serving = asyncio.create_task(serve_forever("127.0.0.1", 0, self._ready))
        await self._over.wait()
        self._page.meeting.close()
        serving.cancel()
        with suppress(asyncio.CancelledError):
            await serving

    def _ready(self, url: str) -> None:
        self.url = url
        self._joining = self._loop.create_task(self._join())

    async def _join(self) -> None:
        keys = await derive_keys(SECRET, ROOM)
        strategy = strategy_for(self.url, AsyncioClock(), random.Random(1))
        self._page = Page(keys, strategy, page=NATIVE_PAGE)
        self._page.meeting._on_signal = self._answer
        self._is_ready.set()

    def _answer(self, sender: str, text: str) -> None:
        self._page.meeting.signal(sender, f"{text}, answered")

    def end(self) -> None:
        """End both."""
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()


@pytest.fixture(scope="module")
def signaling_url() -> Iterator[str]:
    """Return the address of a server that a page outside of browsers has joined."""
    native = Native()
    yield native.url
    native.end()


def test_keys_are_those_that_python_derives_elsewhere(installed_page) -> None:
    """WebCrypto and `cryptography` open what the other has sealed, and refuse what nobody has."""
    answer = installed_page.python(f"""
        import json
        from webraft_web.core.errors import AuthenticationError, ConfigError
        from webraft_web.transports.keys import derive_keys

        async def use(keys):
            refused = 0
            for sealed, context in (({SEALED!r}, "another"), ({SEALED!r}[:-4], "context"), ("", "context")):
                try:
                    await keys.open(sealed, context)
                except AuthenticationError:
                    refused += 1
            opened = await keys.open({SEALED!r}, "context")
            sealed = await keys.seal("from the browser é", "back")
            return keys.topic, keys.authentication.hex(), opened, refused, sealed

        try:
            answer = json.dumps(await use(await derive_keys({SECRET!r}, {ROOM!r})))
        except ConfigError as error:
            answer = str(error)
        answer
    """)
    if answer.startswith("WebCrypto is missing"):
        assert "https, or from localhost" in answer
        return
    topic, authentication, opened, refused, sealed = json.loads(answer)
    assert (topic, authentication, opened, refused) == (TOPIC, AUTHENTICATION, "text é", 3)
    native = asyncio.run(derive_keys(SECRET, ROOM))
    assert asyncio.run(native.open(sealed, "back")) == "from the browser é"


def test_a_page_meets_one_outside_of_the_browser(installed_page, signaling_url) -> None:
    """Over a real WebSocket, with texts sealed by either."""
    outcome = installed_page.python(f"""
        import asyncio
        import random
        import js
        from webraft_web._browser import shared_clock
        from webraft_web.transports.keys import derive_keys
        from webraft_web.transports.signaling.meeting import Meeting
        from webraft_web.transports.signaling.strategies import strategy_for

        async def meet():
            clock, over = shared_clock(), asyncio.get_running_loop().create_future()
            meeting = Meeting(
                [strategy_for({signaling_url!r}, clock, random.Random(1))],
                await derive_keys({SECRET!r}, {ROOM!r}),
                {BROWSER_PAGE!r},
                clock,
                random.Random(1),
                on_peer=lambda page: meeting.signal(page, "\\U0001f600 hello"),
                on_signal=lambda page, text: over.done() or over.set_result([page, text]),
                on_state=lambda: None,
            )
            try:
                return await asyncio.wait_for(over, 30)
            finally:
                meeting.close()

        await meet() if hasattr(js, "WebSocket") else "no WebSocket"
    """)
    assert outcome in ("no WebSocket", [NATIVE_PAGE, "\U0001f600 hello, answered"])


def test_the_strategy_keeps_to_the_contract_over_the_browsers_sockets(installed_page, signaling_url) -> None:
    """As it does over those of Python; where there are none, its state says so."""
    code = f"""
        import asyncio
        import random
        import js
        from webraft_web._browser import shared_clock
        from webraft_web.testing import check_strategy
        from webraft_web.transports.signaling.strategies import strategy_for

        def make():
            return strategy_for({signaling_url!r}, shared_clock(), random.Random(1))

        async def error_of(strategy):
            told = asyncio.get_running_loop().create_future()
            port = strategy.open("7" * 32, "8" * 32, print, lambda *state: told.set_result(state))
            try:
                return await asyncio.wait_for(told, 30)
            finally:
                port.close()

        if hasattr(js, "WebSocket"):
            await asyncio.wait_for(check_strategy(make), 40)
            outcome = "kept"
        else:
            is_connected, outcome = await error_of(make())
            assert not is_connected
        outcome
    """
    assert installed_page.python(code) in ("kept", "ReferenceError: WebSocket is not defined")
