"""What rooms are kept in, in real tabs of Firefox: as in Chromium.

Not what takes seconds and is alike in both (a tab that hangs holds up a deletion), nor a full disk: Firefox
has no quota that could be set from here, and says of a disk with little space that its databases "did not
allow mutations", when a room is opened as well as when it is written to.
"""

from __future__ import annotations

from tests.tabs.test_storage import (
    test_an_old_layout_is_gone_on_with_and_damage_is_refused_exported_and_deleted,
    test_rooms_are_listed_and_deleted_after_the_browser_was_killed,
    test_the_journal_in_indexed_db_keeps_what_the_simulated_one_is_held_to,
)

__all__ = [
    "test_an_old_layout_is_gone_on_with_and_damage_is_refused_exported_and_deleted",
    "test_rooms_are_listed_and_deleted_after_the_browser_was_killed",
    "test_the_journal_in_indexed_db_keeps_what_the_simulated_one_is_held_to",
]
