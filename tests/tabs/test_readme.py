"""README's examples, run as they stand in real tabs."""

from __future__ import annotations

from tests.readme import python_block
from tests.tabs.browser import wait_until

ADDRESSES = ["tab-1", "tab-2", "tab-3"]


def test_the_room_of_the_readme_works_as_shown(tabs) -> None:
    """The first example, pasted into a page, gives the document that it promises."""
    tab, other = tabs.open_many(2)
    tab.python(python_block('join_room("kanban"'))
    assert tab.python("doc.state") == {"cards": ["milk"], "done": 1}
    other.python("from webraft_web import join_room; doc = await join_room('kanban')")
    assert other.python("await doc.read()") == {"cards": ["milk"], "done": 1}


def test_the_tabs_of_the_readme_elect_replicate_and_fail_over(tabs) -> None:
    """Three tabs run the second example; the leader's renderer is killed, and the two others go on."""
    example = python_block("BroadcastChannelNode")
    opened = dict(zip(ADDRESSES, tabs.open_many(3), strict=True))
    starting = [
        tab.start(example.replace('address = "tab-1"', f'address = "{address}"'))
        for address, tab in opened.items()
    ]
    for one in starting:
        one.result()

    def leaders() -> list[str]:
        return [address for address, tab in opened.items() if tab.python("raft.is_leader")]

    def stored() -> list[object]:
        return [tab.python("handlers.data") for tab in opened.values()]

    wait_until(lambda: len(leaders()) == 1, "one leader")
    wait_until(lambda: stored() == [{"milk": 2}] * 3, "the first change in all tabs")
    leader = leaders()[0]
    opened.pop(leader).page.kill()
    survivor = next(iter(opened.values()))
    wait_until(leaders, "another leader")
    survivor.python("await raft.propose([{'op': 'add', 'path': '/bread', 'value': 1}])")
    wait_until(
        lambda: stored() == [{"milk": 2, "bread": 1}] * 2, "the second change in the tabs that are left"
    )
    assert len({survivor.python("raft.leader_id"), *leaders()}) == 1
