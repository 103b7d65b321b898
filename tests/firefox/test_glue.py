"""The glue in real tabs of Firefox, and what it says where something is missing or full: as in Chromium."""

from __future__ import annotations

from tests.tabs.test_glue import (
    pair,
    test_a_checkpoint_of_whoever_was_taken_over_discards_nothing,
    test_a_hidden_tab_keeps_time_while_its_own_timers_do_not,
    test_a_lock_passes_on_and_can_be_stolen,
    test_deleting_a_journal_ends_it_in_other_tabs,
    test_localstorage_refuses_what_is_too_large_and_keeps_what_was_there,
    test_takeovers_at_the_same_time_all_find_a_position_of_their_own,
    test_the_database_refuses_whoever_was_taken_over,
)
from tests.tabs.test_refusals import (
    test_a_browser_without_indexed_db_is_told_what_to_do,
    test_a_full_local_storage_stops_the_mirror_and_nothing_else,
    test_handlers_wait_for_room_in_a_full_local_storage,
)

__all__ = [
    "pair",
    "test_a_browser_without_indexed_db_is_told_what_to_do",
    "test_a_checkpoint_of_whoever_was_taken_over_discards_nothing",
    "test_a_full_local_storage_stops_the_mirror_and_nothing_else",
    "test_a_hidden_tab_keeps_time_while_its_own_timers_do_not",
    "test_a_lock_passes_on_and_can_be_stolen",
    "test_deleting_a_journal_ends_it_in_other_tabs",
    "test_handlers_wait_for_room_in_a_full_local_storage",
    "test_localstorage_refuses_what_is_too_large_and_keeps_what_was_there",
    "test_takeovers_at_the_same_time_all_find_a_position_of_their_own",
    "test_the_database_refuses_whoever_was_taken_over",
]
