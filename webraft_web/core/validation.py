"""What a message must look like before anything may depend on it.

`Raft.step` calls `check_message` first, so that no message, however malformed
or hostile, changes state before it is known to be well-formed. The wire has
checked shapes already for what comes as text; this is for everything else, and
for what only makes sense together (indexes that follow on, terms that never fall).
"""

# Messages are what others made of them, so the declared types are what is checked here, not what is known.
# mypy: disable-error-code="unreachable, redundant-expr"

from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, cast

from webraft_web.core.entry import ENTRY_OVERHEAD, Configuration, Entry, EntryKind, ServerId
from webraft_web.core.errors import BadArgumentError, RemoteProtocolError
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    ConfirmRefresh,
    ConfirmRefreshResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    PreVote,
    PreVoteResponse,
    Propose,
    ProposeResponse,
    ReadIndex,
    ReadIndexResponse,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)

MAX_NUMBER: Final = 2**53 - 1
"""The largest integer that every party can carry."""
MAX_REACHED: Final = 2**52
"""Nobody makes a server's term or log reach further: it still has to count on, within MAX_NUMBER."""
MAX_TERM_LEAP: Final = 2**32
"""No server is ever this many elections behind; a larger leap is an attack or a defect."""
MAX_ID_LENGTH: Final = 1024
"""Characters of a server id."""
MAX_REASON: Final = 100
"""Characters of a reason."""
MAX_SERVERS: Final = 1024
"""Members of one configuration."""
_KINDS_PROPOSED: Final = (EntryKind.COMMAND, EntryKind.HOUSEKEEPING, EntryKind.YIELD)


def seen(value: object) -> str:
    """Describe a foreign value briefly, whatever it is, however large and however deep."""
    if type(value) is str:
        return repr(value[:40]) if len(value) <= MAX_ID_LENGTH else f"{len(value)} characters of text"
    if type(value) is list:
        return f"a list of {len(value)}"
    if value is None or type(value) is bool or (type(value) is int and abs(value) <= MAX_NUMBER):
        return str(value)
    if type(value) is EntryKind:
        return value.name
    return f"a value of type {type(value).__name__}"


def check_commands(commands: Sequence[str], kind: EntryKind) -> None:
    """Raise BadArgumentError unless these may be proposed: others would refuse the entries."""
    if not isinstance(kind, EntryKind) or kind not in _KINDS_PROPOSED:
        raise BadArgumentError(f"kind is {seen(kind)}, expected COMMAND, HOUSEKEEPING or YIELD")
    # Of these very types: another might say something else each time it is asked.
    if type(commands) not in (list, tuple) or not commands:
        raise BadArgumentError(f"commands are {seen(commands)}, expected a list that is not empty")
    for command in commands:
        if type(command) is not str:
            raise BadArgumentError(f"a command is {seen(command)}, expected text")


def check_argument(name: str, value: int) -> None:
    """Raise BadArgumentError unless `value` is an integer that messages and stores can carry."""
    if not _is_number(value):
        raise BadArgumentError(f"{name} is {seen(value)}, expected an integer from 0 to 2**53 - 1")


def check_server_id(server_id: ServerId) -> None:
    """Raise BadArgumentError unless this can be a server's id."""
    if not _is_id(server_id):
        raise BadArgumentError(
            f"a server's id is text of 1 to {MAX_ID_LENGTH} characters, got {seen(server_id)}"
        )


def _refuse(message: Message, what: str) -> NoReturn:
    raise RemoteProtocolError(f"{type(message).__name__} from {seen(message.sender)}: {what}")


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_NUMBER


def _is_id(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_ID_LENGTH


def _check_numbers(message: Message, **numbers: object) -> None:
    for name, value in numbers.items():
        if not _is_number(value):
            _refuse(message, f"{name} is {seen(value)}, expected an integer from 0 to 2**53 - 1")


def _check_flag(message: Message, name: str, value: object) -> None:
    if type(value) is not bool:
        _refuse(message, f"{name} is {seen(value)}, expected True or False")


def check_message(foreign: object, own_id: str, current_term: int) -> Message:
    """Return a message that is well-formed and meant for this server; RemoteProtocolError if it is not.

    Types are exact: whatever derives from one may answer differently when it is asked again.
    """
    check = _CHECKS.get(cast("type[Message]", type(foreign)))
    if check is None:
        raise RemoteProtocolError(f"expected a message, got {seen(foreign)}")
    message = cast("Message", foreign)
    try:
        _check_ends(message, own_id)
        term = message.term
        if type(term) is not int or not 0 <= term <= MAX_NUMBER:
            _refuse(message, f"term is {seen(term)}, expected an integer from 0 to 2**53 - 1")
        if term > current_term + MAX_TERM_LEAP or term > MAX_REACHED:
            _refuse(message, f"term {term} is absurdly far ahead of {current_term}")
        check(message)
    except (AttributeError, TypeError) as error:  # the latter from compiled code, that reads what it declares
        raise RemoteProtocolError(f"{type(message).__name__} lacks a field: {error}") from error
    return message


def _check_ends(message: Message, own_id: str) -> None:
    receiver = message.receiver
    if type(receiver) is not str or receiver != own_id:
        _refuse(message, f"is for {seen(receiver)}, this server is {own_id!r}")
    sender = message.sender
    if type(sender) is not str or not 0 < len(sender) <= MAX_ID_LENGTH or sender == own_id:
        _refuse(message, "the sender must be another server's id")


def check_not_leading(message: Message) -> None:
    """Refuse a second leader of the term that the receiver itself leads (Election Safety, Fig. 3.2)."""
    _refuse(message, f"claims to lead term {message.term}, which this server leads")


def check_acknowledged(message: AppendEntriesResponse, last_index: int) -> None:
    """Refuse an acknowledgement of entries that were never sent."""
    if message.index > last_index:
        _refuse(message, f"acknowledges index {message.index}, the log ends at {last_index}")


def check_confirmed(message: HeartbeatResponse, newest_round: int) -> None:
    """Refuse the confirmation of a read round that never was."""
    if message.read_round > newest_round:
        _refuse(message, f"confirms read round {message.read_round}, the newest is {newest_round}")


def _check_vote_request(message: RequestVote | PreVote) -> None:
    _check_numbers(message, last_log_index=message.last_log_index, last_log_term=message.last_log_term)
    if message.term == 0:
        _refuse(message, "nobody campaigns in term 0")
    if message.last_log_term > message.term:
        _refuse(message, f"its last entry is of term {message.last_log_term}, beyond its own {message.term}")
    if isinstance(message, RequestVote):
        _check_flag(message, "is_transfer", message.is_transfer)


def _check_vote_response(message: RequestVoteResponse | PreVoteResponse) -> None:
    _check_flag(message, "vote_granted", message.vote_granted)


def _check_append_entries(message: AppendEntries) -> None:
    _check_leader(message)
    index = message.prev_log_index
    term = message.prev_log_term
    commit = message.leader_commit
    if not (
        type(index) is int
        and type(term) is int
        and type(commit) is int
        and 0 <= index <= MAX_NUMBER
        and 0 <= term <= MAX_NUMBER
        and 0 <= commit <= MAX_NUMBER
    ):
        _check_numbers(message, prev_log_index=index, prev_log_term=term, leader_commit=commit)
    if (index == 0) != (term == 0):
        _refuse(message, "prev_log_index and prev_log_term must be 0 together")
    if type(message.entries) is not list:
        _refuse(message, "entries must be a list")
    if index + len(message.entries) > MAX_REACHED:
        _refuse(message, f"entries after {index} are absurdly far ahead")
    for foreign in cast("list[Any]", message.entries):
        index += 1
        if type(foreign) is not Entry or type(foreign.index) is not int or foreign.index != index:
            _refuse(message, f"entry {index} is missing or out of place")
        entry: Entry = foreign
        if type(entry.term) is not int or entry.term < max(term, 1) or entry.term > message.term:
            _refuse(
                message,
                f"entry {index} has term {seen(entry.term)}, after {term}, from a leader of {message.term}",
            )
        term = entry.term
        _check_entry(message, entry)
    if term > message.term:
        _refuse(message, f"prev_log_term {term} lies beyond the leader's term {message.term}")


def _check_entry(message: Message, entry: Entry) -> None:
    if type(entry.kind) is not EntryKind or type(entry.data) is not str:
        _refuse(message, f"entry {entry.index} has a bad kind or data")
    if type(entry.size) is not int or entry.size != len(entry.data) + ENTRY_OVERHEAD:
        _refuse(message, f"entry {entry.index} does not have the size of its data")
    if entry.kind is EntryKind.CONFIGURATION:
        _check_configuration(message, entry.configuration)
    elif entry.configuration is not None:
        _refuse(message, f"entry {entry.index} is no configuration entry but carries one")


def _check_configuration(message: Message, configuration: object) -> None:
    if type(configuration) is not Configuration:
        _refuse(message, f"expected a configuration, got {seen(configuration)}")
    voters, non_voting = configuration.voters, configuration.non_voting
    if type(voters) is not tuple or type(non_voting) is not tuple:
        _refuse(message, "a configuration has two tuples of servers")
    elif not voters or len(voters) + len(non_voting) > MAX_SERVERS:
        _refuse(message, f"a configuration has at least one voter and {MAX_SERVERS} servers at most")
    elif not all(_is_id(server_id) for server_id in voters + non_voting):
        _refuse(message, "a configuration lists server ids")
    elif Configuration(voters, non_voting) != configuration:
        _refuse(message, "a configuration lists every server once, in order")


def _check_leader(message: Message) -> None:
    if message.term == 0:
        _refuse(message, "nobody leads in term 0")


def _check_append_entries_response(message: AppendEntriesResponse) -> None:
    _check_flag(message, "success", message.success)
    _check_numbers(message, index=message.index, hint_index=message.hint_index, hint_term=message.hint_term)
    if not message.success and message.hint_index > message.index:
        _refuse(message, f"its hint {message.hint_index} lies beyond what it refuses, {message.index}")


def _check_heartbeat(message: Heartbeat) -> None:
    _check_leader(message)
    _check_numbers(message, leader_commit=message.leader_commit, read_round=message.read_round)


def _check_heartbeat_response(message: HeartbeatResponse) -> None:
    _check_numbers(message, read_round=message.read_round)


def _check_install_snapshot(message: InstallSnapshot) -> None:
    _check_leader(message)
    _check_numbers(
        message,
        last_index=message.last_index,
        last_term=message.last_term,
        first_command_index=message.first_command_index,
        offset=message.offset,
    )
    if message.last_index == 0 or not 0 < message.last_term <= message.term:
        _refuse(message, f"stands for index {message.last_index} of term {message.last_term}")
    if message.last_index > MAX_REACHED:
        _refuse(message, f"stands for index {message.last_index}, absurdly far ahead")
    if message.first_command_index > message.last_index:
        _refuse(message, "its first command lies beyond its last index")
    _check_flag(message, "done", message.done)
    _check_configuration(message, message.configuration)
    if message.data is None:
        if message.offset or not message.done:
            _refuse(message, "a refresh has no chunks")
    elif type(message.data) is not str:
        _refuse(message, "data must be text")
    elif not message.data and not message.done:
        _refuse(message, "an empty chunk must be the last")


def _check_install_snapshot_response(message: InstallSnapshotResponse) -> None:
    _check_numbers(message, last_index=message.last_index, offset=message.offset)


def _check_timeout_now(message: TimeoutNow) -> None:
    _check_leader(message)


def _check_propose(message: Propose) -> None:
    _check_numbers(message, request_id=message.request_id)
    if type(message.kind) is not EntryKind or message.kind not in _KINDS_PROPOSED:
        _refuse(message, f"kind {seen(message.kind)} cannot be proposed from outside")
    if type(message.commands) is not list or not message.commands:
        _refuse(message, "commands must be a list that is not empty")
    for command in cast("list[Any]", message.commands):
        if type(command) is not str:
            _refuse(message, "a command must be text")


def _check_propose_response(message: ProposeResponse) -> None:
    _check_numbers(
        message,
        request_id=message.request_id,
        entry_term=message.entry_term,
        first_index=message.first_index,
    )
    if type(message.reason) is not str or len(message.reason) > MAX_REASON:
        _refuse(message, "reason must be a short text")


def _check_read_index(message: ReadIndex) -> None:
    _check_numbers(message, request_id=message.request_id)


def _check_read_index_response(message: ReadIndexResponse) -> None:
    _check_numbers(message, request_id=message.request_id, index=message.index)


def _check_confirm_refresh(message: ConfirmRefresh) -> None:
    _check_numbers(message, entry_term=message.entry_term, index=message.index)


def _check_confirm_refresh_response(message: ConfirmRefreshResponse) -> None:
    _check_numbers(
        message,
        entry_term=message.entry_term,
        index=message.index,
        first_command_index=message.first_command_index,
        adopt_term=message.adopt_term,
        adopt_index=message.adopt_index,
    )
    if message.configuration is not None:
        _check_configuration(message, message.configuration)
        is_index = 0 < message.adopt_index <= message.index <= MAX_REACHED
        is_term = 0 < message.adopt_term <= message.entry_term
        if not is_index or not is_term or message.first_command_index > message.adopt_index:
            _refuse(message, "confirms an index or term that cannot be")


_CHECKS: Final[dict[type[Message], Callable[[Any], None]]] = {
    RequestVote: _check_vote_request,
    PreVote: _check_vote_request,
    RequestVoteResponse: _check_vote_response,
    PreVoteResponse: _check_vote_response,
    AppendEntries: _check_append_entries,
    AppendEntriesResponse: _check_append_entries_response,
    Heartbeat: _check_heartbeat,
    HeartbeatResponse: _check_heartbeat_response,
    InstallSnapshot: _check_install_snapshot,
    InstallSnapshotResponse: _check_install_snapshot_response,
    TimeoutNow: _check_timeout_now,
    Propose: _check_propose,
    ProposeResponse: _check_propose_response,
    ReadIndex: _check_read_index,
    ReadIndexResponse: _check_read_index_response,
    ConfirmRefresh: _check_confirm_refresh,
    ConfirmRefreshResponse: _check_confirm_refresh_response,
}
