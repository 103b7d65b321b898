"""Majorities: every two of them share a server."""

from itertools import combinations

import pytest

from webraft_web.core.quorum import VoteResult, agreed_value, is_quorum, majority, vote_result


@pytest.mark.parametrize("count", range(1, 9))
def test_any_two_majorities_share_a_server(count: int) -> None:
    """Two sets of `majority` servers overlap, and two that are one smaller need not."""
    servers = range(count)
    smallest = list(combinations(servers, majority(count)))
    assert all(set(one) & set(other) for one in smallest for other in smallest)
    fewer = list(combinations(servers, majority(count) - 1))
    assert any(not set(one) & set(other) for one in fewer for other in fewer)


def test_only_voters_make_a_quorum() -> None:
    """Whoever is not a voter does not count, however many agree."""
    assert is_quorum(("a", "b", "c"), {"a", "b"})
    assert not is_quorum(("a", "b", "c"), {"a", "x", "y", "z"})


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], 0), ([7], 7), ([7, 5], 5), ([7, 5, 9], 7), ([9, 1, 1, 9], 1), ([1, 2, 3, 4, 5], 3)],
)
def test_the_agreed_value_is_what_a_majority_has_reached(values: list[int], expected: int) -> None:
    """At least a majority of the values are as large as the one agreed, and no larger one is."""
    assert agreed_value(values) == expected


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ({}, VoteResult.PENDING),
        ({"a": True}, VoteResult.PENDING),
        ({"a": True, "b": True}, VoteResult.WON),
        ({"a": True, "b": False}, VoteResult.PENDING),
        ({"a": True, "b": False, "c": False}, VoteResult.LOST),
        ({"b": False, "c": False}, VoteResult.LOST),
        ({"x": True, "y": True}, VoteResult.PENDING),
    ],
)
def test_an_election_is_won_and_lost_by_a_majority_of_the_voters(
    votes: dict[str, bool], expected: VoteResult
) -> None:
    """Three voters decide with two equal votes; strangers' votes decide nothing."""
    assert vote_result(("a", "b", "c"), votes) is expected


def test_half_the_votes_do_not_win_but_half_refused_lose() -> None:
    """With four voters three grants are needed, so two refusals are enough to lose."""
    voters = ("a", "b", "c", "d")
    assert vote_result(voters, {"a": True, "b": True}) is VoteResult.PENDING
    assert vote_result(voters, {"a": False, "b": False}) is VoteResult.LOST


def test_an_election_without_voters_is_lost() -> None:
    """A server that knows of no voters never wins by the majority of none."""
    assert vote_result((), {}) is VoteResult.LOST
