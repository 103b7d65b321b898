"""Which configuration a leader should go to next (chapter 4). Pure functions.

One voter at a time, effective when appended. Added servers start as non-voting
members and are promoted once they have caught up (§4.2.1). Silent voters are
demoted while those still heard are a majority of what remains, so that a
cluster shrinks with its members instead of stopping when half of them are gone.
"""

from collections.abc import Collection, Mapping

from webraft_web.core.entry import Configuration, ServerId
from webraft_web.core.errors import BadArgumentError
from webraft_web.core.progress import Progress, ProgressState
from webraft_web.core.quorum import is_quorum
from webraft_web.core.validation import MAX_SERVERS, check_server_id


def with_server(configuration: Configuration, server_id: ServerId) -> Configuration:
    """Return `configuration` with one more, non-voting, member."""
    check_server_id(server_id)
    if server_id in configuration.servers:
        raise BadArgumentError(f"{server_id} is a member already")
    if len(configuration.servers) >= MAX_SERVERS:
        raise BadArgumentError(f"there are {MAX_SERVERS} members already, and no more are allowed")
    return Configuration(configuration.voters, (*configuration.non_voting, server_id))


def without_server(configuration: Configuration, server_id: ServerId) -> Configuration:
    """Return `configuration` with one member less."""
    check_server_id(server_id)
    if server_id not in configuration.servers:
        raise BadArgumentError(f"{server_id} is not a member; the members are {list(configuration.servers)}")
    if configuration.voters == (server_id,):
        raise BadArgumentError(f"{server_id} is the last voter; a cluster keeps at least one")
    return Configuration(
        tuple(voter for voter in configuration.voters if voter != server_id),
        tuple(member for member in configuration.non_voting if member != server_id),
    )


def promoted(configuration: Configuration, server_id: ServerId) -> Configuration:
    """Return `configuration` with a non-voting member made a voter."""
    return Configuration((*configuration.voters, server_id), configuration.non_voting)


def demoted(configuration: Configuration, server_id: ServerId) -> Configuration:
    """Return `configuration` with a voter made a non-voting member."""
    smaller = without_server(configuration, server_id)
    return Configuration(smaller.voters, (*smaller.non_voting, server_id))


def changes_one_voter(old: Configuration, new: Configuration) -> bool:
    """Tell whether every majority of the one shares a server with every majority of the other (§4.1)."""
    return bool(new.voters) and len(set(old.voters) ^ set(new.voters)) <= 1


def next_promotion(
    configuration: Configuration,
    progress: Mapping[ServerId, Progress],
    commit_index: int,
    max_voters: int | None,
) -> Configuration | None:
    """Promote a non-voting member that answers and holds all that is committed, or None."""
    if max_voters is not None and len(configuration.voters) >= max_voters:
        return None
    for server_id in configuration.non_voting:
        peer = progress[server_id]
        if (
            peer.is_recently_active
            and peer.state is ProgressState.REPLICATE
            and peer.match_index >= commit_index
        ):
            return promoted(configuration, server_id)
    return None


def next_demotion(
    configuration: Configuration,
    heard: Collection[ServerId],
    silent_ms: Mapping[ServerId, int],
    after_ms: int,
) -> Configuration | None:
    """Demote the voter silent for longest, if that is `after_ms` and those heard go on without it.

    Args:
        configuration: In force and committed.
        heard: The voters heard from, the leader included.
        silent_ms: For each other voter how long it has been silent.
        after_ms: The least silence that counts.
    """
    if not silent_ms:
        return None
    longest = max(silent_ms, key=lambda voter: (silent_ms[voter], voter))
    if silent_ms[longest] < after_ms:
        return None
    smaller = demoted(configuration, longest) if len(configuration.voters) > 1 else configuration
    return smaller if is_quorum(smaller.voters, heard) and smaller != configuration else None
