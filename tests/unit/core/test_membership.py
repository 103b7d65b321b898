"""Membership: one change at a time, effective when appended, tended by the leader (chapter 4)."""

from itertools import combinations

import pytest

from tests.unit.core.servers import HEARTBEAT_MS, TIMEOUT_MS, Cluster, Server, members, only, stored
from webraft_web.core import membership
from webraft_web.core.errors import BadArgumentError, LocalProtocolError
from webraft_web.core.message import AppendEntries, Message, PreVote, PreVoteResponse, TimeoutNow
from webraft_web.core.progress import Progress, ProgressState
from webraft_web.core.quorum import majority

PATIENT = 10_000
"""Longer than any wait of the leader before it changes the membership."""


def caught_up(match_index: int = 9) -> Progress:
    """A member that answers and holds entries up to `match_index`."""
    peer = Progress(10, 8, 1000, now_ms=0)
    peer.acknowledged(match_index)
    peer.become_replicate()
    peer.heard(0)
    return peer


# What the next configuration is


def test_a_configuration_lists_every_server_once_in_order() -> None:
    """However it is made, equal memberships are equal, and a voter is no non-voting member."""
    assert members("cab", "bd") == members("abc", "d")
    assert members("abc", "d").servers == ("a", "b", "c", "d")
    assert members("ab") != members("a", "b")
    assert hash(members("ba")) == hash(members("ab"))


def test_a_new_server_begins_without_a_vote() -> None:
    """It would otherwise keep the cluster from committing until it has caught up (§4.2.1)."""
    assert membership.with_server(members("ab"), "c") == members("ab", "c")
    with pytest.raises(BadArgumentError, match="a member already"):
        membership.with_server(members("ab", "c"), "c")


def test_a_server_leaves_with_or_without_a_vote() -> None:
    """Strangers cannot, and the last voter must not."""
    assert membership.without_server(members("ab", "c"), "c") == members("ab")
    assert membership.without_server(members("ab", "c"), "a") == members("b", "c")
    with pytest.raises(BadArgumentError, match="not a member"):
        membership.without_server(members("ab"), "x")
    with pytest.raises(BadArgumentError, match="last voter"):
        membership.without_server(members("a", "c"), "a")


def test_promotion_and_demotion_are_each_others_opposites() -> None:
    """The server stays a member in between."""
    assert membership.promoted(members("ab", "c"), "c") == members("abc")
    assert membership.demoted(members("abc"), "c") == members("ab", "c")


@pytest.mark.parametrize("size", range(1, 6))
def test_majorities_of_configurations_that_differ_by_one_voter_overlap(size: int) -> None:
    """That is why one change at a time needs no joint consensus (§4.1)."""
    old, new = "abcdef"[:size], "abcdef"[: size + 1]
    assert membership.changes_one_voter(members(old), members(new))
    for one in combinations(old, majority(len(old))):
        for other in combinations(new, majority(len(new))):
            assert set(one) & set(other)


@pytest.mark.parametrize(("old", "new"), [("ab", "cd"), ("abc", "a"), ("ab", "ac"), ("a", "")])
def test_larger_changes_are_told_apart(old: str, new: str) -> None:
    """Two voters at once, an exchange, and a cluster of none."""
    assert not membership.changes_one_voter(members(old), members(new))


def test_only_who_answers_and_has_caught_up_is_promoted() -> None:
    """A voter that lags or is silent would only be in the way (§4.2.1)."""
    configuration = members("a", "bcd")
    lagging, silent, probed, good = caught_up(5), caught_up(), caught_up(), caught_up()
    silent.is_recently_active = False
    probed.become_probe()
    progress = {"b": lagging, "c": silent, "d": probed}
    assert membership.next_promotion(configuration, progress, 9, None) is None
    progress["c"] = good
    assert membership.next_promotion(configuration, progress, 9, None) == members("ac", "bd")
    assert membership.next_promotion(configuration, progress, 9, 1) is None


def test_the_voter_silent_for_longest_is_demoted() -> None:
    """Only after the wait, and only if those heard are a quorum of what remains."""
    configuration = members("abcd")
    silent = {"c": 500, "d": 900}
    assert membership.next_demotion(configuration, ["a", "b"], silent, 800) == members("abc", "d")
    assert membership.next_demotion(configuration, ["a", "b"], silent, 1000) is None
    assert membership.next_demotion(configuration, ["a"], {**silent, "b": 0}, 800) is None
    assert membership.next_demotion(configuration, ["a", "b", "c", "d"], {}, 0) is None
    assert membership.next_demotion(members("a"), ["a"], {}, 0) is None


# Changes in a cluster


def test_an_added_server_catches_up_and_is_promoted() -> None:
    """Non-voting first, voting once it holds what is committed (§4.2.1)."""
    cluster = Cluster("ab", fresh="c")
    leader = cluster.elect("a")
    leader.raft.propose(["x", "y"])
    cluster.settle()
    leader.raft.add_server("c")
    assert leader.raft.configuration == members("ab", "c")
    cluster.settle()
    assert cluster["c"].raft.configuration == members("abc")
    assert cluster["c"].commands == ["x", "y"]


def test_a_server_that_lags_is_not_promoted_until_it_has_caught_up() -> None:
    """It stays non-voting while it does not answer (§4.2.1)."""
    cluster = Cluster("ab", fresh="c")
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.add_server("c")
    cluster.pass_time(3 * TIMEOUT_MS)
    assert leader.raft.configuration == members("ab", "c")
    cluster.cut_off = set()
    cluster.pass_time(3 * TIMEOUT_MS)
    assert leader.raft.configuration == members("abc")


def test_there_are_no_more_voters_than_allowed() -> None:
    """Further members hold the data without a vote, until a voter goes."""
    cluster = Cluster("ab", fresh="cd", max_voters=3)
    leader = cluster.elect("a")
    for one in "cd":
        leader.raft.add_server(one)
        cluster.settle()
    assert leader.raft.configuration == members("abc", "d")
    leader.raft.remove_server("b")
    cluster.settle()
    assert leader.raft.configuration == members("acd")


def test_without_tending_a_server_stays_non_voting() -> None:
    """The option leaves the membership to the layers above."""
    cluster = Cluster("ab", fresh="c", tends_membership=False)
    leader = cluster.elect("a")
    leader.raft.add_server("c")
    cluster.pass_time(PATIENT)
    assert leader.raft.configuration == members("ab", "c")


def test_a_change_is_in_force_as_soon_as_it_is_appended() -> None:
    """The leader of two can remove the other one though it is dead (§4.1)."""
    cluster = Cluster("ab", tends_membership=False)
    leader = cluster.elect("a")
    cluster.cut_off = {"b"}
    leader.raft.remove_server("b")
    leader.raft.propose(["alone"])
    cluster.settle()
    assert leader.commands == ["alone"]


def test_one_change_at_a_time() -> None:
    """The next waits until the last one is committed: majorities might not overlap otherwise (§4.1)."""
    cluster = Cluster(fresh="de", tends_membership=False)
    leader = cluster.elect("a")
    cluster.cut_off = {"b", "c"}
    leader.raft.add_server("d")
    cluster.settle()
    assert not leader.raft.can_change_configuration()
    with pytest.raises(LocalProtocolError, match="under way"):
        leader.raft.add_server("e")
    cluster.cut_off = set()
    cluster.pass_time(3 * HEARTBEAT_MS)
    assert leader.raft.can_change_configuration()


def test_no_change_before_the_term_has_committed_something() -> None:
    """Two leaders' changes to the same configuration could otherwise both count (§4.1)."""
    cluster = Cluster(fresh="d")
    cluster.is_lost = lambda message: isinstance(message, AppendEntries)
    leader = cluster.elect("a")
    with pytest.raises(LocalProtocolError, match="committed nothing"):
        leader.raft.add_server("d")


def test_a_change_of_two_voters_is_refused() -> None:
    """However it is asked for."""
    leader = Cluster().elect("a")
    with pytest.raises(LocalProtocolError, match="one voter"):
        leader.leadership.change_configuration(members("a"))


def test_a_change_that_could_not_be_committed_is_rolled_back() -> None:
    """The next leader's entries replace it, and the configuration with it (§4.1)."""
    cluster = Cluster(fresh="d", tends_membership=False)
    old = cluster.elect("a")
    cluster.cut_off = {"a"}
    old.raft.add_server("d")
    old.settle()
    assert old.raft.configuration == members("abc", "d")
    cluster.elect("b")
    cluster.cut_off = set()
    cluster.pass_time(3 * TIMEOUT_MS)
    assert old.raft.configuration == members("abc")


def test_a_leader_that_removes_itself_leads_until_that_is_committed() -> None:
    """It does not count itself, then hands over to the best of the others (§4.2.2)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    leader.raft.remove_server("a")
    cluster.is_lost = lambda message: message.sender == "c"
    cluster.settle()
    assert leader.raft.is_leader
    cluster.is_lost = lambda _message: False
    cluster.pass_time(2 * HEARTBEAT_MS)
    assert cluster.leaders in (["b"], ["c"])
    assert only(cluster.sent, TimeoutNow)
    assert cluster[cluster.leaders[0]].raft.configuration == members("bc")


def test_a_removed_server_learns_that_its_removal_is_committed() -> None:
    """The leader keeps in touch until then, so that it need not campaign to find out (§4.2.2)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    index = leader.raft.remove_server("c")
    cluster.settle()
    assert cluster["c"].raft.commit_index >= index
    cluster.sent = []
    cluster.pass_time(10 * TIMEOUT_MS)
    assert [message for message in cluster.sent if "c" in {message.sender, message.receiver}] == []


def test_a_removed_server_does_not_disturb_the_others() -> None:
    """Having missed its removal it campaigns, and is ignored while a leader is heard (§4.2.3)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.remove_server("c")
    cluster.settle()
    cluster.cut_off = set()
    cluster.sent = []
    cluster.pass_time(10 * TIMEOUT_MS)
    assert [one for one in cluster.sent if isinstance(one, PreVote) and one.sender == "c"]
    assert [one for one in only(cluster.sent, PreVoteResponse) if one.vote_granted] == []
    assert (cluster.leaders, leader.raft.current_term) == (["a"], 2)


def test_an_address_that_came_back_empty_is_replaced_by_its_new_incarnation() -> None:
    """The old id never comes back; the new one begins without a vote and catches up."""
    cluster = Cluster(fresh="x")
    leader = cluster.elect("a")
    leader.raft.propose(["data"])
    cluster.settle()
    cluster.cut_off = {"c"}
    leader.raft.replace_server("c", "x")
    assert leader.raft.configuration == members("ab", "x")
    cluster.settle()
    assert leader.raft.configuration == members("abx")
    assert cluster["x"].commands == ["data"]


# Rule: before check-quorum deposes a leader, it shrinks the cluster to those it hears


def test_a_silent_half_is_demoted_so_that_the_other_half_goes_on() -> None:
    """Two friends, one closes the laptop: the other goes on, and the first returns by catching up."""
    cluster = Cluster("ab")
    leader = cluster.elect("a")
    cluster.cut_off = {"b"}
    leader.raft.propose(["alone"])
    cluster.settle()
    assert leader.commands == []
    cluster.pass_time(3000)
    assert leader.raft.configuration == members("a", "b")
    assert leader.commands == ["alone"]
    cluster.cut_off = set()
    cluster.pass_time(3 * TIMEOUT_MS)
    assert leader.raft.configuration == members("ab")
    assert cluster["b"].commands == ["alone"]


def test_a_silent_minority_is_demoted_later() -> None:
    """While the others can commit there is no hurry, but the next failure must find them enough."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    cluster.pass_time(5000)
    assert leader.raft.configuration == members("abc")
    cluster.pass_time(PATIENT)
    assert leader.raft.configuration == members("ab", "c")
    cluster.cut_off = {"b", "c"}
    cluster.pass_time(3000)
    assert leader.raft.configuration == members("a", "bc")


def test_a_silent_majority_is_not_demoted() -> None:
    """It may have elected another leader; this one has to step down (§6.2)."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"b", "c"}
    cluster.pass_time(PATIENT)
    assert not leader.raft.is_leader
    assert leader.raft.configuration == members("abc")


# Rule: one change at a time, and back


def test_a_cluster_of_one_survives_a_promoted_server_that_dies_at_once() -> None:
    """The change that needs the dead server is taken back, since the last committed one needs it not."""
    cluster = Cluster("a", fresh="b")
    leader = cluster.elect("a")
    is_dead = [False]

    def is_lost(message: Message) -> bool:
        is_dead[0] = is_dead[0] or leader.raft.configuration == members("ab")
        return is_dead[0] and "b" in {message.sender, message.receiver}

    cluster.is_lost = is_lost
    leader.raft.add_server("b")
    cluster.settle()
    assert leader.raft.configuration == members("ab")
    assert not leader.raft.can_change_configuration()
    cluster.pass_time(3000)
    assert leader.raft.configuration == members("a", "b")
    leader.raft.propose(["on"])
    cluster.settle()
    assert leader.commands == ["on"]


@pytest.mark.parametrize("how", ["demotion", "removal"])
def test_a_change_is_taken_back_when_the_voter_it_relies_on_falls_silent(how: str) -> None:
    """The server it would have put out answers, so the old configuration can commit."""
    cluster = Cluster()
    leader = cluster.elect("a")
    cluster.cut_off = {"b"}
    leader.raft.config.tends_membership = how == "demotion"
    if how == "removal":
        leader.raft.remove_server("c")
        leader.raft.config.tends_membership = True
    else:
        leader.leadership.change_configuration(members("ab", "c"))
    leader.raft.propose(["on"])
    cluster.settle()
    assert leader.commands == []
    cluster.pass_time(4000)
    assert leader.commands == ["on"]
    assert "c" in leader.raft.configuration.voters


@pytest.mark.parametrize("tends_membership", [True, False])
def test_a_leader_cut_off_in_the_middle_of_a_removal_steps_down(tends_membership: bool) -> None:
    """Only half of the smaller configuration is silent, yet a majority of the committed one may move on."""
    cluster = Cluster(tends_membership=tends_membership)
    leader = cluster.elect("a")
    cluster.cut_off = {"b", "c"}
    leader.raft.remove_server("b")
    leader.raft.propose(["lost"])
    cluster.pass_time(3 * TIMEOUT_MS)
    assert leader.raft.configuration == members("ac")
    assert not leader.raft.is_leader
    assert leader.commands == []


def test_a_change_that_can_be_committed_is_not_taken_back() -> None:
    """Silence of a minority is no reason."""
    cluster = Cluster(fresh="d")
    leader = cluster.elect("a")
    cluster.cut_off = {"c"}
    leader.raft.add_server("d")
    cluster.pass_time(5000)
    assert "d" in leader.raft.configuration.voters


def test_the_three_states_belong_to_members_only() -> None:
    """Who is added is tracked from then on, who is removed until that is committed."""
    cluster = Cluster(fresh="d")
    leader = cluster.elect("a")
    leader.raft.add_server("d")
    cluster.settle()
    assert leader.peer("d").state is ProgressState.REPLICATE
    leader.raft.remove_server("d")
    assert "d" in leader.leadership.progress
    cluster.settle()
    assert "d" not in leader.leadership.progress


def test_a_single_server_leads_without_others_to_ask() -> None:
    """Its election timeout passes, its own vote and its own write are majorities."""
    server = Server("a", stored(voters="a"))
    server.pass_time(TIMEOUT_MS)
    assert server.raft.is_leader
    server.raft.propose(["x"])
    server.settle()
    assert server.commands == ["x"]
