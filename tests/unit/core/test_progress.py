"""The leader's view of one follower."""

from tests.unit.core.servers import members
from webraft_web.core.entry import Snapshot
from webraft_web.core.progress import Progress, ProgressState


def probing(next_index: int = 10) -> Progress:
    """A follower of whom nothing is known yet."""
    return Progress(next_index, max_inflight_messages=3, max_inflight_size=100, now_ms=0)


def replicating(match_index: int = 5) -> Progress:
    """A follower that is known to match."""
    peer = probing()
    peer.acknowledged(match_index)
    peer.become_replicate()
    return peer


def test_a_probe_goes_out_one_at_a_time() -> None:
    """While it is not known where the logs agree, nothing follows a message with entries."""
    peer = probing()
    assert not peer.is_paused
    peer.sent_entries(1, 10)
    assert peer.is_paused
    assert peer.next_index == 10


def test_a_matching_follower_is_fed_ahead_of_its_answers() -> None:
    """Replicating, the next message starts where the last one ended (§10.2.2)."""
    peer = replicating(5)
    peer.sent_entries(2, 10)
    peer.sent_entries(3, 10)
    assert (peer.next_index, peer.inflight_count, peer.is_paused) == (11, 2, False)


def test_messages_under_way_are_bounded_in_number() -> None:
    """A full window pauses the pipeline, and an acknowledgement opens it again."""
    peer = replicating(5)
    for _ in range(3):
        peer.sent_entries(1, 1)
    assert peer.is_window_full
    assert peer.is_paused
    peer.acknowledged(6)
    peer.free_window(6)
    assert not peer.is_window_full
    assert not peer.is_paused


def test_messages_under_way_are_bounded_in_size() -> None:
    """Large messages fill the window before many do."""
    peer = replicating(5)
    peer.sent_entries(1, 60)
    assert not peer.is_window_full
    peer.sent_entries(1, 60)
    assert peer.is_window_full
    peer.free_window(6)
    assert not peer.is_window_full


def test_an_old_acknowledgement_is_no_news() -> None:
    """The match index never falls, and next_index stays beyond it."""
    peer = replicating(5)
    assert not peer.acknowledged(5)
    assert not peer.acknowledged(3)
    assert peer.acknowledged(8)
    assert (peer.match_index, peer.next_index) == (8, 9)


def test_a_refused_probe_steps_back_to_the_hint() -> None:
    """The next probe goes where the follower says that the logs may agree."""
    peer = probing(10)
    peer.sent_entries(1, 1)
    assert peer.refused(9, 4)
    assert (peer.next_index, peer.is_paused) == (5, False)


def test_a_refusal_of_an_older_probe_is_ignored() -> None:
    """Only the answer to the probe that is out moves next_index."""
    peer = probing(10)
    assert not peer.refused(7, 2)
    assert peer.next_index == 10


def test_a_refusal_below_what_matches_is_ignored() -> None:
    """A late refusal cannot take back what was acknowledged since."""
    peer = replicating(5)
    assert not peer.refused(5, 0)
    assert peer.next_index == 6


def test_a_refusal_while_replicating_goes_back_to_what_matches() -> None:
    """Something under way was lost: everything after the match index goes again."""
    peer = replicating(5)
    peer.sent_entries(4, 4)
    assert peer.refused(7, 6)
    assert peer.next_index == 6


def test_no_hint_moves_next_index_below_what_matches() -> None:
    """A refused probe never steps back behind an acknowledged entry."""
    peer = replicating(5)
    peer.become_probe()
    assert peer.refused(5, 0)
    assert peer.next_index == 6


def test_becoming_a_probe_forgets_what_was_under_way() -> None:
    """After a loss everything beyond the match index is sent again."""
    peer = replicating(5)
    peer.sent_entries(4, 90)
    peer.become_probe()
    assert (peer.state, peer.next_index, peer.inflight_count) == (ProgressState.PROBE, 6, 0)
    peer.become_replicate()
    assert not peer.is_window_full


def test_nothing_but_the_snapshot_goes_to_who_needs_one() -> None:
    """In the snapshot state no entries are sent, and afterwards they follow the snapshot."""
    peer = probing(10)
    peer.become_snapshot(Snapshot(20, 3, members("a")))
    assert peer.is_paused
    assert peer.next_index == 21
    peer.become_probe()
    assert (peer.next_index, peer.sending) == (21, None)


def test_a_commit_index_is_worth_sending_once() -> None:
    """It is news as long as it is larger than the one sent, and something may be committed by it."""
    peer = replicating(5)
    assert peer.can_bump_commit(5)
    peer.sent_commit = 5
    assert not peer.can_bump_commit(9)
    peer.sent_entries(2, 1)
    assert peer.can_bump_commit(6)
    assert not peer.can_bump_commit(5)
