"""Tools for testing what is built on, or plugged into, this package.

`run` gives asyncio code virtual time; `check_storage`, `check_journal`,
`check_transport` and `check_strategy` are the contracts that every storage, every
journal, every transport and every signalling strategy has to honour;
`MemoryJournal` stands in for IndexedDB, with several pages at it.
"""

from webraft_web.testing.contracts import check_storage
from webraft_web.testing.journal import MemoryJournal, MemoryJournalStore, check_journal
from webraft_web.testing.loop import StalledError, VirtualTimeLoop, run
from webraft_web.testing.signaling import check_strategy
from webraft_web.testing.transport import check_transport

__all__ = [
    "MemoryJournal",
    "MemoryJournalStore",
    "StalledError",
    "VirtualTimeLoop",
    "check_journal",
    "check_storage",
    "check_strategy",
    "check_transport",
    "run",
]
