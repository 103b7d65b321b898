"""Says in etcd's words, to the letter, what is in a batch, a message, an entry or a log.

Servers have numbers in scenarios; `server_id` and `number_of` translate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from webraft_web.core.entry import Configuration, Entry, HardState, ServerId, Snapshot
from webraft_web.core.message import (
    AppendEntries,
    AppendEntriesResponse,
    Heartbeat,
    HeartbeatResponse,
    InstallSnapshot,
    Message,
    PreVote,
    PreVoteResponse,
    Propose,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from webraft_web.core.progress import Progress, ProgressState
from webraft_web.core.role import Role

MESSAGE_NAMES: dict[type[Message], str] = {
    AppendEntries: "MsgApp",
    AppendEntriesResponse: "MsgAppResp",
    Heartbeat: "MsgHeartbeat",
    HeartbeatResponse: "MsgHeartbeatResp",
    InstallSnapshot: "MsgSnap",
    PreVote: "MsgPreVote",
    PreVoteResponse: "MsgPreVoteResp",
    Propose: "MsgProp",
    RequestVote: "MsgVote",
    RequestVoteResponse: "MsgVoteResp",
    TimeoutNow: "MsgTimeoutNow",
}
RESPONSES = (AppendEntriesResponse, HeartbeatResponse, PreVoteResponse, RequestVoteResponse)

_ROLES = {
    Role.FOLLOWER: "StateFollower",
    Role.PRE_CANDIDATE: "StatePreCandidate",
    Role.CANDIDATE: "StateCandidate",
    Role.LEADER: "StateLeader",
}
_PROGRESS_STATES = {
    ProgressState.PROBE: "StateProbe",
    ProgressState.REPLICATE: "StateReplicate",
    ProgressState.SNAPSHOT: "StateSnapshot",
}
_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\a": "\\a", "\b": "\\b", "\f": "\\f",
    "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
}  # fmt: skip

Changes = Mapping[tuple[int, int], str]
"""How configuration entries were proposed, by term and index: the entries themselves do not say."""


def server_id(number: int) -> ServerId:
    """Return the id of a server; ids sort as the numbers do."""
    return f"{number:04}"


def number_of(server: ServerId | None) -> int:
    """Return the number of a server, 0 for none."""
    return 0 if server is None else int(server)


def quoted(text: str) -> str:
    """Quote like Go's %q."""
    return '"' + "".join(_ESCAPES.get(one, one) for one in text) + '"'


def describe_entry(entry: Entry, changes: Changes) -> str:
    if entry.configuration is not None:
        return f"{entry.term}/{entry.index} {changes[entry.term, entry.index]}"
    return f"{entry.term}/{entry.index} EntryNormal {quoted(entry.data)}"


def describe_entries(entries: Sequence[Entry], changes: Changes) -> str:
    return "".join([f"{describe_entry(entry, changes)}\n" for entry in entries])


def describe_soft_state(leader_id: ServerId | None, role: Role) -> str:
    return f"Lead:{number_of(leader_id)} State:{_ROLES[role]}"


def describe_hard_state(hard_state: HardState) -> str:
    vote = f" Vote:{number_of(hard_state.voted_for)}" if hard_state.voted_for else ""
    return f"Term:{hard_state.term}{vote} Commit:{hard_state.commit_index}"


def describe_snapshot(last_index: int, last_term: int, configuration: Configuration) -> str:
    voters = " ".join([str(number_of(one)) for one in configuration.voters])
    learners = " ".join([str(number_of(one)) for one in configuration.non_voting])
    return (
        f"Index:{last_index} Term:{last_term} ConfState:Voters:[{voters}] VotersOutgoing:[] "
        f"Learners:[{learners}] LearnersNext:[] AutoLeave:false"
    )


def describe_message(message: Message, changes: Changes) -> str:
    name = MESSAGE_NAMES[type(message)]
    ends = f"{number_of(message.sender)}->{number_of(message.receiver)}"
    if isinstance(message, Propose):
        # Forwarded as it came: it belongs to no term yet.
        entries = [f"0/0 EntryNormal {quoted(command)}" for command in message.commands]
        return f"{ends} {name} Term:0 Log:0/0{_listed(entries)}"
    return f"{ends} {name} Term:{message.term} {_describe_content(message, changes)}"


def _describe_content(message: Message, changes: Changes) -> str:
    match message:
        case AppendEntries():
            entries = [describe_entry(entry, changes) for entry in message.entries]
            commit = _commit(message.leader_commit)
            return f"Log:{message.prev_log_term}/{message.prev_log_index}{commit}{_listed(entries)}"
        case AppendEntriesResponse(success=False):
            return f"Log:{message.hint_term}/{message.index} Rejected (Hint: {message.hint_index})"
        case AppendEntriesResponse():
            return f"Log:0/{message.index}"
        case RequestVote() | PreVote():
            return f"Log:{message.last_log_term}/{message.last_log_index}"
        case RequestVoteResponse(vote_granted=False) | PreVoteResponse(vote_granted=False):
            return "Log:0/0 Rejected (Hint: 0)"
        case Heartbeat():
            return f"Log:0/0{_commit(message.leader_commit)}"
        case InstallSnapshot():
            snapshot = describe_snapshot(message.last_index, message.last_term, message.configuration)
            return f"Log:0/0\n  Snapshot: {snapshot}"
        case _:
            return "Log:0/0"


def _commit(index: int) -> str:
    return f" Commit:{index}" if index else ""


def _listed(entries: Sequence[str]) -> str:
    if len(entries) > 1:
        return " Entries:[" + "".join([f"\n  {entry}" for entry in entries]) + "\n]"
    return f" Entries:[{entries[0]}]" if entries else ""


def describe_ready(
    soft_state: str,
    hard_state: HardState | None,
    must_sync: bool,
    entries: Sequence[Entry],
    snapshot: Snapshot | None,
    committed_entries: Sequence[Entry],
    messages: Sequence[Message],
    changes: Changes,
) -> str:
    """Describe one batch; `soft_state` "" and `hard_state` None if they have not changed."""
    parts = [f"{soft_state}\n"] if soft_state else []
    if hard_state is not None:
        parts.append(f"HardState {describe_hard_state(hard_state)}\n")
    if entries:
        parts.append(f"Entries:\n{describe_entries(entries, changes)}")
    if snapshot is not None:
        described = describe_snapshot(snapshot.last_index, snapshot.last_term, snapshot.configuration)
        parts.append(f"Snapshot {described}\n")
    if committed_entries:
        parts.append(f"CommittedEntries:\n{describe_entries(committed_entries, changes)}")
    if messages:
        parts += ["Messages:\n", *[f"{describe_message(message, changes)}\n" for message in messages]]
    if not parts:
        return "<empty Ready>"
    return f"Ready MustSync={str(must_sync).lower()}:\n" + "".join(parts)


def describe_progress(peer: Progress, *, is_learner: bool, is_self: bool) -> str:
    words = [_PROGRESS_STATES[peer.state], f"match={peer.match_index}", f"next={peer.next_index}"]
    if is_learner:
        words.append("learner")
    if peer.is_paused:
        words.append("paused")
    if peer.sending is not None:
        words.append(f"pendingSnap={peer.sending.last_index}")
    if not (peer.is_recently_active or is_self):
        words.append("inactive")
    if peer.inflight_count:
        words.append(f"inflight={peer.inflight_count}{'[full]' if peer.is_window_full else ''}")
    return " ".join(words)
