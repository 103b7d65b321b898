"""Requests forwarded by other servers: appended once, by the leader of their own term alone."""

from tests.unit.core.servers import Cluster, Server, acknowledge, established, only
from webraft_web.core.message import (
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.core.ready import ProposalResult, ReadState


def test_a_request_delivered_twice_is_appended_once() -> None:
    """The second time it is answered with the place where it was appended the first time."""
    cluster = Cluster()
    cluster.elect("a")
    leader = cluster["a"]
    request = Propose("b", "a", leader.raft.current_term, 7, ["x"])
    first = only(leader.step(request), ProposeResponse)
    last_index = leader.raft.log.last_index
    assert only(leader.step(request), ProposeResponse) == first
    assert leader.raft.log.last_index == last_index


def test_a_request_that_was_refused_is_not_appended_when_it_comes_again() -> None:
    """Whoever asked has handed it in anew: the leader was handing over, and leads on after all."""
    leader = established()
    leader.raft.transfer_leadership("b")
    request = Propose("b", "a", 2, 7, ["x"])
    refusal = ProposeResponse("a", "b", 2, 7, 0, 0, "not leader")
    assert only(leader.step(request), ProposeResponse) == [refusal]
    leader.raft.transfer_leadership("a")
    assert only(leader.step(request), ProposeResponse) == [refusal]
    assert leader.raft.propose(["y"]) == 3, "it serves again, and nothing was appended"


def test_a_request_too_many_is_not_appended_when_it_comes_again() -> None:
    """Whoever asked was told that it certainly is not in the log."""
    leader = established(max_uncommitted_size=1000)
    leader.raft.propose(["x" * 900])
    request = Propose("b", "a", 2, 7, ["y" * 200])
    refusal = ProposeResponse("a", "b", 2, 7, 0, 0, "overloaded")
    assert only(leader.step(request), ProposeResponse) == [refusal]
    acknowledge(leader, "b")
    assert only(leader.step(request), ProposeResponse) == [refusal]
    assert leader.raft.propose(["z" * 200]) == 4, "there is room again, and nothing was appended"


def test_the_same_request_id_of_another_server_is_another_request() -> None:
    """Ids are their sender's own."""
    cluster = Cluster()
    cluster.elect("a")
    leader = cluster["a"]
    term = leader.raft.current_term
    leader.step(Propose("b", "a", term, 7, ["x"]), Propose("c", "a", term, 7, ["y"]))
    assert [entry.data for entry in leader.raft.log.entries_from(3, 1000)] == ["x", "y"]


def test_a_request_of_another_term_is_refused() -> None:
    """A delayed copy could otherwise be appended again by a later leadership of the same server."""
    cluster = Cluster()
    cluster.elect("a")
    leader = cluster["a"]
    term = leader.raft.current_term
    answers = only(leader.step(Propose("b", "a", term - 1, 7, ["x"])), ProposeResponse)
    assert answers == [ProposeResponse("a", "b", term, 7, 0, 0, "not leader")]


def test_a_confirmation_says_whether_there_was_user_data_by_then() -> None:
    """The first command's index travels with the state that holds it, and with no earlier one."""
    leader = Cluster("ab").elect("a")
    leader.raft.propose(["x"])
    acknowledge(leader, "b")
    assert leader.raft.first_command_index == 3
    answers = leader.step(ConfirmRefresh("b", "a", 2, 2, 2), ConfirmRefresh("b", "a", 2, 2, 3))
    assert answers == [
        ConfirmRefreshResponse("a", "b", 2, 2, 2, leader.raft.configuration, 0),
        ConfirmRefreshResponse("a", "b", 2, 2, 3, leader.raft.configuration, 3),
    ]


def test_a_leader_forgets_old_requests_so_that_its_memory_is_bounded() -> None:
    """Only the newest some thousand are known again."""
    cluster = Cluster()
    cluster.elect("a")
    leader = cluster["a"]
    term = leader.raft.current_term
    for request_id in range(9000):
        leader.raft.step(Propose("b", "a", term, request_id, ["x"]))
    forwarded = leader.leadership.forwarded
    assert forwarded.find(Propose("b", "a", term, 0, ["x"])) is None
    assert forwarded.find(Propose("b", "a", term, 8999, ["x"])) == (9002, "")


def test_reads_beyond_what_anyone_honest_asks_for_are_refused() -> None:
    """Before a term has committed anything reads pile up, and a hostile peer must not make that endless."""
    cluster = Cluster()
    leader = cluster["a"]
    leader.elect()
    term = leader.raft.current_term
    assert not leader.leadership.has_committed_in_term
    for request_id in range(10_001):
        leader.raft.step(ReadIndex("b", "a", term, request_id))
    refused = only(leader.settle(), ReadIndexResponse)
    assert refused == [ReadIndexResponse("a", "b", term, 10_000, 0)]


def test_only_who_was_asked_answers_and_only_once() -> None:
    """A stranger's read index may be too old, and whoever waits would be served by it."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    server.raft.read_index(7)
    server.raft.forward(8, ["x"])
    server.step(ReadIndexResponse("c", "a", 1, 7, 1), ReadIndexResponse("b", "a", 1, 8, 1))
    assert server.read_states == []
    server.step(ReadIndexResponse("b", "a", 1, 7, 1), ReadIndexResponse("b", "a", 1, 7, 5))
    assert server.read_states == [ReadState(7, 1)]
    server.raft.step(ProposeResponse("c", "a", 1, 8, 1, 2))
    server.raft.step(ProposeResponse("b", "a", 1, 7, 1, 2))
    server.raft.step(ProposeResponse("b", "a", 1, 8, 1, 3))
    server.raft.step(ProposeResponse("b", "a", 1, 8, 1, 4))
    assert server.raft.ready().proposal_results == [ProposalResult(8, 1, 3, "")]


def test_a_server_forgets_what_it_asked_long_ago() -> None:
    """Answers may never come."""
    server = Server("a")
    server.step(Heartbeat("b", "a", 1, 0))
    for context in range(9000):
        server.raft.read_index(context)
    server.settle()
    server.step(ReadIndexResponse("b", "a", 1, 1, 1), ReadIndexResponse("b", "a", 1, 8999, 1))
    assert server.read_states == [ReadState(8999, 1)]
