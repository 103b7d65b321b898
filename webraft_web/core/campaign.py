"""What only a candidate has: the votes of one election, or of the Pre-Vote before it."""

from webraft_web.core.entry import Configuration, ServerId
from webraft_web.core.quorum import VoteResult, vote_result


class Campaign:
    """One round of votes (§3.4, §9.6). The own vote counts once it is durable, like any other."""

    def __init__(self, is_pre_vote: bool, is_transfer: bool) -> None:
        self.is_pre_vote = is_pre_vote
        self.is_transfer = is_transfer
        """Started by TimeoutNow: others answer despite a live leader (§4.2.3)."""
        self.votes: dict[ServerId, bool] = {}

    def record(self, voter: ServerId, vote_granted: bool) -> None:
        """Note a vote; a server's first answer stands."""
        self.votes.setdefault(voter, vote_granted)

    def result(self, configuration: Configuration) -> VoteResult:
        return vote_result(configuration.voters, self.votes)
