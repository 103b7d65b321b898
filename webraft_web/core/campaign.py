"""Votes: those of one election or of the Pre-Vote before it, and the answer to who asks for one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from webraft_web.core.entry import Configuration, ServerId
from webraft_web.core.message import PreVote, PreVoteResponse, RequestVote, RequestVoteResponse
from webraft_web.core.quorum import VoteResult, vote_result

if TYPE_CHECKING:
    from webraft_web.core.raft import Raft


class Campaign:
    """What only a candidate has: one round of votes (§3.4, §9.6).

    The own vote counts once it is durable, like any other, and nothing is decided
    before that: nobody was asked yet, so a majority that has answered all the same
    answered another process that runs this server, and made it this term's leader.
    """

    def __init__(self, is_pre_vote: bool, is_transfer: bool) -> None:
        self.is_pre_vote = is_pre_vote
        self.is_transfer = is_transfer
        """Started by TimeoutNow: others answer despite a live leader (§4.2.3)."""
        self.is_durable = False
        """Whether the own vote is."""
        self.votes: dict[ServerId, bool] = {}

    def record(self, voter: ServerId, vote_granted: bool) -> None:
        """Note a vote; a server's first answer stands."""
        self.votes.setdefault(voter, vote_granted)

    def result(self, configuration: Configuration) -> VoteResult:
        return vote_result(configuration.voters, self.votes)


def answer_vote_request(raft: Raft, message: RequestVote | PreVote) -> RequestVoteResponse | PreVoteResponse:
    """Vote for one candidate a term, whose log is as up-to-date as ours (§3.4, §3.6.1).

    Non-voting members vote too when asked: they may have been promoted without
    knowing it yet. Who is no member by its own log never does, but a removed
    one still does until its removal is committed (§4.2.2).
    """
    log = raft.log
    is_member = any(raft.server_id in one.servers for one in log.standing_configurations)
    is_pre_vote = isinstance(message, PreVote)
    can_vote = (
        raft.voted_for == message.sender
        or (raft.voted_for is None and raft.leader_id is None)
        or (is_pre_vote and message.term > raft.current_term)
    )
    vote_granted = can_vote and is_member and log.is_up_to_date(message.last_log_index, message.last_log_term)
    if is_pre_vote:
        # A grant is for the term asked about; the own term would be stale there.
        term = message.term if vote_granted else raft.current_term
        return PreVoteResponse(raft.server_id, message.sender, term, vote_granted)
    return RequestVoteResponse(raft.server_id, message.sender, raft.current_term, vote_granted)
