"""One round of votes."""

from tests.unit.core.servers import members
from webraft_web.core.campaign import Campaign
from webraft_web.core.quorum import VoteResult


def test_a_voters_first_answer_stands() -> None:
    """A repeated or contradicting answer of the same voter changes nothing."""
    campaign = Campaign(is_pre_vote=False, is_transfer=False)
    campaign.record("b", vote_granted=False)
    campaign.record("b", vote_granted=True)
    campaign.record("c", vote_granted=True)
    campaign.record("c", vote_granted=True)
    assert campaign.result(members("abc")) is VoteResult.PENDING


def test_a_campaign_is_judged_by_the_configuration_given() -> None:
    """Votes are kept for whoever sent them, and counted for the voters of the day."""
    campaign = Campaign(is_pre_vote=True, is_transfer=False)
    campaign.record("b", vote_granted=True)
    assert campaign.result(members("abc")) is VoteResult.PENDING
    assert campaign.result(members("b")) is VoteResult.WON
    assert campaign.result(members("ac", "b")) is VoteResult.PENDING
