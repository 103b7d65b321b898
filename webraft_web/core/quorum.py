"""Majorities: how many servers must agree, and how far they do."""

from collections.abc import Collection, Mapping
from enum import Enum

from webraft_web.core.entry import ServerId


class VoteResult(Enum):
    """How an election stands."""

    PENDING = 0
    WON = 1
    LOST = 2


def majority(count: int) -> int:
    """Return the smallest number of servers that two majorities of `count` must share one of."""
    return count // 2 + 1


def is_quorum(voters: Collection[ServerId], agreeing: Collection[ServerId]) -> bool:
    """Tell whether those of `agreeing` that are voters are a majority of the voters."""
    count = 0
    for voter in voters:
        if voter in agreeing:
            count += 1
    return count >= majority(len(voters))


def agreed_value(values: list[int]) -> int:
    """Return the largest value that a majority has reached; 0 without voters.

    Args:
        values: One number per voter, its match index or its newest confirmed
            read round, in any order. Sorted in place.
    """
    if not values:
        return 0
    values.sort()
    return values[(len(values) - 1) // 2]


def vote_result(voters: Collection[ServerId], votes: Mapping[ServerId, bool]) -> VoteResult:
    """Tally the votes of those who may vote; an election without voters is lost."""
    granted = 0
    refused = 0
    for voter in voters:
        vote = votes.get(voter)
        if vote is not None:
            if vote:
                granted += 1
            else:
                refused += 1
    needed = majority(len(voters))
    if granted >= needed:
        return VoteResult.WON
    if len(voters) - refused < needed:
        return VoteResult.LOST
    return VoteResult.PENDING
