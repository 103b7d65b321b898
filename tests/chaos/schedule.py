"""What is done to tabs, drawn from a seed: the same seed gives the same actions, pauses and tabs.

When they hit, relative to what the browser does, is the browser's: no seed fixes that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

TABS: Final = 5
FEW: Final = 3
"""So many tabs are opened before anything else is done."""
_PAUSE_S: Final = (0.1, 1.9)
_SPIN_S: Final = (0.3, 4.0)
_WEIGHTS: Final = {
    "open": 4,
    "close": 2,
    "kill": 2,
    "freeze": 2,
    "resume": 3,
    "hide": 1.5,
    "show": 1.5,
    "reload": 1.5,
    "leave": 2,
    "return": 3,
    "spin": 2,
    "restart": 0.5,
}
TAKING_AWAY: Final = {"close", "kill", "freeze", "reload", "leave", "spin"}
"""What keeps a tab from working: only done while another one can."""


class Action(NamedTuple):
    """One thing to do.

    Fields:
        pause_s: How long to leave everything alone before.
        kind: A key of `_WEIGHTS`.
        tab: Which tab, from 0 on; all, for `restart`.
        spin_s: For `spin`, for how long.
    """

    pause_s: float
    kind: str
    tab: int
    spin_s: float = 0

    def __str__(self) -> str:
        what = "the browser" if self.kind == "restart" else f"tab {self.tab}"
        return f"{self.kind} {what}{f' for {self.spin_s:.1f} s' if self.spin_s else ''}"


@dataclass
class _Tab:
    is_open: bool = False
    is_frozen: bool = False
    is_away: bool = False
    is_hidden: bool = False
    spins_until_s: float = field(default=0, kw_only=True)

    def works(self, now_s: float) -> bool:
        return self.is_open and not self.is_frozen and not self.is_away and now_s >= self.spins_until_s

    def allows(self, kind: str) -> bool:
        """Tell whether this can be done to it."""
        if kind == "open":
            return not self.is_open
        if kind in {"close", "kill", "restart"}:
            return self.is_open
        if kind == "resume":
            return self.is_frozen
        if kind == "return":
            return self.is_away
        if not self.is_open or self.is_frozen or self.is_away:
            return False
        return self.is_hidden if kind == "show" else kind != "hide" or not self.is_hidden


def draw_actions(seed: int, count: int = TABS) -> Iterator[Action]:
    """Return actions without end; they make sense in this order, and leave some tab to work after each.

    Args:
        seed: Of all chance.
        count: How many tabs there are at most, `FEW` or more.
    """
    chance = random.Random(seed)
    tabs = [_Tab() for _ in range(count)]
    now_s = 0.0
    while True:
        are_few = sum(tab.is_open for tab in tabs) < FEW
        pause_s = 0 if are_few else round(chance.uniform(*_PAUSE_S), 2)
        now_s += pause_s
        choices = [
            (kind, number)
            for kind in _WEIGHTS
            for number, tab in enumerate(tabs)
            if tab.allows(kind) and (kind not in TAKING_AWAY or _others_work(tabs, number, now_s))
        ]
        if are_few:
            choices = [one for one in choices if one[0] == "open"]
        kinds = sorted({kind for kind, _ in choices})
        kind = chance.choices(kinds, [_WEIGHTS[kind] for kind in kinds])[0]
        number = chance.choice([number for one, number in choices if one == kind])
        spin_s = round(chance.uniform(*_SPIN_S), 1) if kind == "spin" else 0
        yield Action(pause_s, kind, number, spin_s)
        if kind == "restart":
            tabs = [_Tab() for _ in range(count)]
        else:
            tabs[number] = _after(tabs[number], kind, now_s + spin_s)


def _others_work(tabs: list[_Tab], number: int, now_s: float) -> bool:
    return any(tab.works(now_s) for other, tab in enumerate(tabs) if other != number)


def _after(tab: _Tab, kind: str, until_s: float) -> _Tab:
    """Return what becomes of a tab."""
    if kind in {"close", "kill"}:
        return _Tab()
    if kind == "open":
        return _Tab(is_open=True)
    tab.is_frozen = kind == "freeze"
    tab.is_away = kind == "leave"
    if kind in {"hide", "freeze"}:
        tab.is_hidden = True  # only what nobody looks at is frozen
    elif kind == "show":
        tab.is_hidden = False
    elif kind == "spin":
        tab.spins_until_s = until_s
    return tab
