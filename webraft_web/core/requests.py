"""How a server answers what others ask of it on behalf of their clients (§6.2, §6.4).

Forwarded proposals, forwarded reads and refreshes to confirm; none of them
depends on the asker's term.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from webraft_web.core.entry import Configuration
from webraft_web.core.errors import NotLeaderError, OverloadedError
from webraft_web.core.message import (
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Message,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
)
from webraft_web.core.ready import ProposalResult

if TYPE_CHECKING:
    from webraft_web.core.raft import Raft


def step_request(raft: Raft, message: Message) -> bool:
    """Handle a request or the answer to one; return False for every other message."""
    if isinstance(message, ProposeResponse):
        raft.batches.proposal_results.append(
            ProposalResult(message.request_id, message.entry_term, message.first_index, message.reason)
        )
    elif isinstance(message, ReadIndexResponse):
        raft.read_served(message.request_id, message.index)
    elif isinstance(message, ConfirmRefreshResponse):
        raft.following.handle_confirm_refresh_response(message)
    elif isinstance(message, Propose):
        raft.send(_answer_propose(raft, message))
    elif isinstance(message, ReadIndex):
        if raft.leadership is not None:
            raft.leadership.read(message.request_id, message.sender)
        else:
            raft.send(
                ReadIndexResponse(raft.server_id, message.sender, raft.current_term, message.request_id, 0)
            )
    elif isinstance(message, ConfirmRefresh):
        if raft.leadership is not None:
            raft.send(_answer_confirm_refresh(raft, message))
    else:
        return False
    return True


def _answer_propose(raft: Raft, message: Propose) -> ProposeResponse:
    """Append what was forwarded, or say why not; the asker judges by its own log what became of it."""
    first_index = 0
    reason = ""
    try:
        first_index = raft.propose(message.commands, message.kind)
    except OverloadedError:
        reason = "overloaded"
    except NotLeaderError:
        reason = "not leader"
    term = raft.current_term
    return ProposeResponse(
        raft.server_id,
        message.sender,
        term,
        message.request_id,
        term if first_index else 0,
        first_index,
        reason,
    )


def _answer_confirm_refresh(raft: Raft, message: ConfirmRefresh) -> ConfirmRefreshResponse:
    """Say whether the log holds that term at that index, committed, and the configuration there."""
    log = raft.log
    configuration: Configuration | None = None
    first_command_index = 0
    if message.index <= log.commit_index and log.matches(message.index, message.entry_term):
        configuration = log.configuration_at(message.index)
        if log.first_command_index <= message.index:
            first_command_index = log.first_command_index
    return ConfirmRefreshResponse(
        raft.server_id,
        message.sender,
        raft.current_term,
        message.entry_term,
        message.index,
        configuration,
        first_command_index,
    )
