"""Everything that this browser keeps of one room, as text: what can be saved of a store that is damaged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from webraft_web.core.errors import RemoteProtocolError
from webraft_web.document.machine import DocumentMachine
from webraft_web.json_text import Json
from webraft_web.storage.base import StoredState
from webraft_web.storage.journal import salvage


class _Found(NamedTuple):
    """A document, where it comes from, and the place in that cluster's log that it stands for."""

    document: Json = None
    source: str | None = None
    cluster: str | None = None
    place: tuple[int, int] = (0, 0)


def export_text(room: str, records: Sequence[tuple[Any, str]], mirror: str | None) -> str:
    """Return JSON text: the newest document that can be read, what cannot, and every record as it stands.

    Args:
        room: The room's name.
        records: All that the journal holds, with their positions, however damaged.
        mirror: What localStorage holds of the room.
    """
    state, problems = salvage(records)
    found = _Found()
    if state is not None:
        try:
            found = _read_document(state)
        except RemoteProtocolError as error:
            problems.append(f"the stored document cannot be read: {error}")
    mirrored = _read_mirror(mirror)
    is_newer = mirrored.cluster == found.cluster and mirrored.place > found.place
    if mirrored.source and (found.source is None or is_newer):
        found = mirrored
    fields = {
        "room": room,
        "document": found.document,
        "source": found.source,
        "index": found.place[1],
        "problems": problems,
        "records": records,
        "mirror": mirror,
    }
    return json.dumps(fields, indent=1)


def _read_document(state: StoredState) -> _Found:
    """Return the document that a stored server stands for: what it alone decides on, or knows is decided."""
    snapshot = state.snapshot
    machine, place = DocumentMachine(), (0, 0)
    configuration = None
    if snapshot is not None:
        machine = DocumentMachine.from_snapshot(snapshot.data or "")
        place, configuration = (snapshot.last_term, snapshot.last_index), snapshot.configuration
    for entry in state.entries:
        configuration = entry.configuration or configuration
    is_alone = configuration is not None and len(configuration.voters) == 1
    for entry in state.entries:
        if is_alone or entry.index <= state.hard_state.commit_index:
            machine.apply(entry)
            place = (entry.term, entry.index)
    return _Found(machine.document, "journal", state.identity.cluster_id, place)


def _read_mirror(text: str | None) -> _Found:
    try:
        fields = json.loads(text or "")
        place = (int(fields["term"]), int(fields["index"]))
        return _Found(fields["data"], "localStorage", fields["cluster"], place)
    except (ValueError, TypeError, KeyError, RecursionError):
        return _Found()
