"""How soon what one types in the demo shows in another tab."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from demo.toolchain.places import ROOT
from tests.benchmarks.browser import clock_difference, visiting
from tests.benchmarks.figures import Figure, Options

TITLE: Final = "the demo: from the press of Enter until the other tab's page has the new card"
_NOTE_PRESS: Final = """
addEventListener("keydown", (event) => {
  if (event.key === "Enter") globalThis.pressed = event.timeStamp;
}, { capture: true });
"""
_NOTE_CARDS: Final = """
globalThis.shown = {};
new MutationObserver(() => {
  for (const { textContent } of document.querySelectorAll(".card .text")) {
    shown[textContent] ??= performance.now();
  }
}).observe(document.body, { childList: true, subtree: true, characterData: true });
"""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Add cards in the tab that runs the server, then in the other one."""
    with visiting(routes={"/": ROOT / "demo" / "site"}) as visited:
        pages = [visited.browser.open(f"{visited.url}#room=kanban") for _ in range(2)]
        for page in pages:
            page.wait_for("document.querySelector('#board.live') !== null")
            page.js(_NOTE_PRESS + _NOTE_CARDS)
        for place, what in enumerate(("in the tab that runs the server", "in the other tab")):
            here, there = pages[place], pages[1 - place]
            difference, uncertainty = clock_difference(here, there)
            values = []
            for number in range(options.trials):
                say(f"typing {what}, {number + 1} of {options.trials}")
                text = f"card {place}.{number}"
                here.click("[data-column=todo] input")
                here.type(f"{text}\n")
                shown = there.wait_for(f"shown[{json.dumps(text)}]")
                values.append(shown - (here.js("pressed") + difference))
            note = f"the tabs' clocks compared to ±{uncertainty:.2f} ms"
            yield Figure(f"typed {what}, shown elsewhere", "ms", values, None, note)
