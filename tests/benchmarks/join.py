"""How long a freshly booted page takes to be in a room that holds much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from demo.toolchain.wheels import build_wheel
from tests.benchmarks.browser import visiting
from tests.benchmarks.figures import Figure, Options, at_most

TITLE: Final = "joining a room with a document of 1 MB and a log of more than 10,000 entries"
_CARDS: Final = 5000
_ENTRIES: Final = 11_900
"""What a runner finds depends on when the log was last cut; this is among the worst of times for it."""
_MAKE: Final = f"""
cards = [{{"id": number, "text": "x" * 175}} for number in range({_CARDS})]
doc = await join_room(ROOM, initial={{"cards": cards}})
await write_many(doc, "number", {_ENTRIES}, 64)
"""


def measure(options: Options, say: Callable[[str], None]) -> Iterator[Figure]:
    """Have new tabs join, first in turn as the only one, then beside one that is there."""
    as_runner: list[float] = []
    as_observer: list[float] = []
    imports = []
    with visiting() as visited:
        holder = visited.open()[0]
        say("filling the room")
        holder.python(_MAKE)
        size_mb = holder.python("len(json.dumps(doc.state)) / 1e6")
        index = holder.status("commit_index")

        def joining(values: list[float]) -> None:
            tab = visited.open()[0]
            imports.append(tab.import_ms)
            if values is as_runner:
                holder.python("await doc.close()")
            values.append(tab.join())
            role = tab.status("role")
            assert (role == "observer") == (values is as_observer), f"it joined as {role}"
            visited.browser.call("Target.closeTarget", targetId=tab.page.target)
            if values is as_runner:
                holder.join()

        for number in range(options.trials):
            say(f"{number + 1} of {options.trials}")
            joining(as_runner)
            joining(as_observer)
    note = f"{size_mb:.2f} MB, commit index {index}"
    yield Figure("in a browser where nobody is in the room", "ms", as_runner, at_most(1000), note)
    yield Figure("where another tab runs the server", "ms", as_observer, at_most(1000), note)
    yield Figure("from webraft_web import join_room, before", "ms", imports, at_most(150))
    yield Figure("the wheel", "KB", [build_wheel().stat().st_size / 1000], at_most(80))
