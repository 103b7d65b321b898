"""When a leader changes the membership by itself, and when it gives up (chapter 4, §6.2).

What a good next configuration is, `membership` knows; this is about the moment.
Both matter most where half of the servers are gone: giving up too early stops a
cluster that could go on, too late keeps clients waiting for what cannot come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webraft_web.core import membership
from webraft_web.core.entry import ServerId
from webraft_web.core.quorum import is_quorum

if TYPE_CHECKING:
    from webraft_web.core.leadership import Leadership


def can_go_on(leadership: Leadership, heard: list[ServerId]) -> bool:
    """Tell whether those heard commit, or would after a change that this leader may make alone.

    Unlike elsewhere, exactly half of the voters silent does not depose a
    leader: it may still shrink the configuration to those it hears, once an
    entry of its term is committed. With a change under way it may only go back,
    so a majority of what is committed has to answer: otherwise the silent ones
    may have elected another.

    Args:
        leadership: The leader's.
        heard: The voters heard since the last quorum check, the leader included.
    """
    log = leadership.log
    if is_quorum(log.configuration.voters, heard):
        return True
    if log.configuration_index <= log.commit_index:
        return leadership.has_committed_in_term and 2 * len(heard) >= len(log.configuration.voters)
    answering = [one for one, peer in leadership.progress.items() if peer.is_recently_active]
    committed = log.configuration_at(log.commit_index)
    return is_quorum(committed.voters, [leadership.raft.server_id, *answering])


def tend_promotions(leadership: Leadership) -> None:
    """Promote a non-voting member that has caught up (§4.2.1)."""
    log = leadership.log
    config = leadership.raft.config
    if not config.tends_membership or not leadership.can_change_configuration:
        return
    change = membership.next_promotion(
        log.configuration, leadership.progress, log.commit_index, config.max_voters
    )
    if change is not None:
        leadership.append_configuration(change)


def tend_silent(leadership: Leadership, heard: list[ServerId]) -> None:
    """Demote silent voters, or take a change back that the silent ones keep from committing (§4.2).

    Only to be called while `can_go_on` holds.
    """
    log = leadership.log
    configuration = log.configuration
    silent_ms: dict[ServerId, int] = {}
    for voter in configuration.voters:
        if voter not in heard:
            silent_ms[voter] = leadership.raft.now_ms - leadership.progress[voter].last_heard_ms
    if not silent_ms or not leadership.has_committed_in_term:
        return
    can_commit = is_quorum(configuration.voters, heard)
    config = leadership.raft.config
    if leadership.can_change_configuration:
        after_ms = config.demote_after_ms if can_commit else config.mend_after_ms
        change = membership.next_demotion(configuration, heard, silent_ms, after_ms)
        if change is not None:
            leadership.append_configuration(change)
    elif not can_commit and max(silent_ms.values()) >= config.mend_after_ms:
        # One change at a time, and back: safe because both differ from the committed one by one voter.
        leadership.append_configuration(log.configuration_at(log.commit_index))
