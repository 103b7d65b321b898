"""The same chaos in simulated tabs: in virtual time, the same each time, on a machine that is busy.

What a tab does is the very program that real tabs run, `pages/client.py`. Real
browsers add what nobody thought of; here a failure can be looked into.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from tests.chaos.records import Records, Visit
from tests.chaos.schedule import TAKING_AWAY, Action, draw_actions
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser

PATIENCE_S: Final = 30.0
"""Whoever has not recovered by then never will."""

_STEP_S: Final = 0.02
_CLOCK: Final = (-0.0005, 0.0005)
"""There is one clock; but what happens in one turn of the event loop happens at one time."""

_HICCUP_S: Final = 0.1
_BETWEEN_HICCUPS_S: Final = 0.6
_LONGEST_HICCUP_S: Final = 3.0
_SOURCE: Final = Path(__file__).with_name("pages") / "client.py"
_CLIENT: Final = compile(_SOURCE.read_text(encoding="utf-8"), _SOURCE.name, "exec")


def simulate(seed: int, tabs: int, count: int) -> list[str]:
    """Do so many actions of a seed's, and return what is wrong, in lines for people."""
    return run(_World(seed).survive([*islice(draw_actions(seed, tabs), count)]))


class _Document:
    """One document of one tab, and the client in it."""

    def __init__(self, world: _World, number: int) -> None:
        self.number = number
        self.tab = world.browser.open_tab()
        self.visit: Visit | None = None
        self.is_over = False
        self.is_hanging = False
        self.room: Any = None
        self._world = world
        self._loop = asyncio.get_running_loop()
        self.js = SimpleNamespace(
            isOver=False,
            mayGo=self._loop.create_future(),
            performance=SimpleNamespace(now=world.now_ms),
            rest=self._rest,
            tab=None,
            tell=self._hear,
        )
        sys.modules["js"] = self.js  # type: ignore[assignment]
        try:
            exec(_CLIENT, names := {"__name__": "client"})
        finally:
            del sys.modules["js"]
        names |= {"random": random.Random(world.chance.random()), "join_room": self.tab.join_room}
        self._client: dict[str, Any] = names
        self._task = self._loop.create_task(self._live())
        self._hiccup()

    @property
    def works(self) -> bool:
        return self.visit is not None and self._mood == "awake"

    @property
    def is_frozen(self) -> bool:
        return self._mood == "frozen"

    @property
    def _mood(self) -> str:
        return self.tab._mood.value

    def hang(self, seconds: float) -> None:
        """Block the page for so long; what else is done to it then is done to a page that hangs."""
        if self._mood == "awake":
            self.tab.hang()
            self._loop.call_later(seconds, lambda: self.tab.wake() if self._mood == "hung" else None)

    def leave(self) -> None:
        """End as a page does that goes: it is told, if it can hear."""
        if self._mood == "awake":
            self.tab.navigate_away()
        self.end()

    def end(self) -> None:
        self.tab.kill()
        self._task.cancel()

    async def _live(self) -> None:
        self.room = await self._client["join"]()
        await self._client["use"](self.room)

    def _hiccup(self) -> None:
        """Be without a processor for a while, again and again."""
        chance = self._world.chance
        if not self.tab.is_dead():
            self.hang(min(chance.expovariate(1 / _HICCUP_S), _LONGEST_HICCUP_S))
            self._loop.call_later(chance.expovariate(1 / _BETWEEN_HICCUPS_S), self._hiccup)

    def _rest(self, duration_ms: float) -> asyncio.Future[None]:
        rested = self._loop.create_future()
        wake = partial(self.tab.run, lambda: None if rested.done() else rested.set_result(None))
        self._loop.call_later(duration_ms / 1000, wake)
        return rested

    def _hear(self, text: str) -> None:
        event = json.loads(text)
        if self.tab.is_dead():
            return
        if event["kind"] == "joined":
            self.visit = Visit(event["tab"], [_CLOCK])
            self._world.visits.append(self.visit)
            self.js.mayGo.set_result(None)
        elif event["kind"] == "broken":
            self._world.problems.append(f"tab {self.number}: {event['error']}")
        elif event["kind"] == "over":
            self.is_over = True
        else:
            assert self.visit is not None, "it has joined"
            self.visit.hear(event)


class _World:
    """A simulated browser whose tabs use one room."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.browser = Browser(seed)
        self.visits: list[Visit] = []
        self.problems: list[str] = []
        self._documents: dict[int, _Document] = {}
        self._away: set[int] = set()

    def now_ms(self) -> float:
        return asyncio.get_running_loop().time() * 1000

    async def survive(self, actions: list[Action]) -> list[str]:
        """Do all that, let everybody recover and finish, and check what they saw."""
        final = []
        try:
            for action in actions:
                await asyncio.sleep(action.pause_s)
                if action.kind in TAKING_AWAY:
                    others = [one for number, one in self._documents.items() if number != action.tab]
                    await self._wait(lambda others=others: any(one.works for one in others), "nobody works")
                self._perform(action.kind, action.tab, action.spin_s)
            final = await self._end()
        except TimeoutError as error:
            self.problems.append(str(error))
        for document in self._documents.values():
            document.end()
        if self.problems:
            return self.problems
        records = Records(self.visits, final)
        result = records.history().check()
        return [*records.find_lost_and_doubled(), *([] if result.is_linearizable else [str(result)])]

    def _perform(self, kind: str, number: int, spin_s: float = 0) -> None:
        if kind == "open":
            self._documents[number] = _Document(self, number)
            return
        if kind == "restart":
            self._restart()
            return
        document = self._documents[number]
        if kind in {"close", "kill"}:
            document.leave() if kind == "close" else document.end()
            del self._documents[number]
            self._away.discard(number)
        elif kind == "reload":
            document.leave()
            self._perform("open", number)
        elif kind == "leave":
            self._away.add(number)
            # Browsers keep a page to go back to, or they do not.
            is_kept = document.works and self.chance.random() < 0.5
            document.tab.navigate_away() if is_kept else document.leave()
        elif kind == "return":
            self._away.remove(number)
            self._perform("open", number) if document.tab.is_dead() else document.tab.navigate_back()
        elif kind == "spin":
            document.hang(spin_s)
        elif kind == "resume":
            if document.is_frozen:
                document.tab.resume()
        elif document.works:  # a page that hangs learns of nothing
            {"freeze": document.tab.freeze, "hide": document.tab.hide, "show": document.tab.show}[kind]()

    def _restart(self) -> None:
        for document in self._documents.values():
            document.end()
        self._documents.clear()
        self._away.clear()

    async def _end(self) -> list[tuple[float, float, dict[str, Any]]]:
        for number, document in list(self._documents.items()):
            if number in self._away:
                self._perform("return", number)
            elif document.is_frozen:
                document.tab.resume()
        documents = list(self._documents.values())
        for one in documents:
            await self._wait(lambda one=one: one.visit is not None, f"tab {one.number} does not join")
            done = len(one.visit.done)
            await self._wait(
                lambda one=one, done=done: len(one.visit.done) > done + 1,
                f"tab {one.number} does not use the room again",
            )
        final = [await self._finish(one) for one in documents]
        self._restart()
        self._perform("open", 0)
        self._documents[0].js.isOver = True
        return [*final, await self._finish(self._documents[0])]

    async def _finish(self, document: _Document) -> tuple[float, float, dict[str, Any]]:
        for one in self._documents.values():
            one.js.isOver = True
        for one in self._documents.values():
            await self._wait(lambda one=one: one.is_over, f"tab {one.number} does not finish")
        call = self.now_ms()
        state = await asyncio.wait_for(document.room.read(), PATIENCE_S)
        return call, self.now_ms(), state

    async def _wait(self, condition: Callable[[], bool], complaint: str) -> None:
        deadline = asyncio.get_running_loop().time() + PATIENCE_S
        while not condition():
            if self.problems or asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"{complaint}, for {PATIENCE_S:.0f} s")
            await asyncio.sleep(_STEP_S)
