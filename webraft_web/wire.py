"""Messages, entries and stored batches as JSON-able lists, and back.

Encoding trusts its argument; decoding trusts nothing: whatever is not exactly
what the encoder would have made raises RemoteProtocolError, before anybody acts
on any part of it. What the numbers *mean* is the core's to judge.
"""

from __future__ import annotations

from typing import Any, Final

from webraft_web.core.entry import Configuration, Entry, Snapshot
from webraft_web.core.message import Message
from webraft_web.core.ready import Feed
from webraft_web.storage.base import Batch

WIRE_VERSION: Final = 1
"""Raised whenever a list changes its meaning; peers of another version are refused."""


def encode_message(message: Message) -> list[Any]:
    """Return `[class name, sender, receiver, term, *fields]`."""
    raise NotImplementedError(message)


def decode_message(value: object) -> Message:
    """Undo `encode_message`; RemoteProtocolError for anything else."""
    raise NotImplementedError(value)


def encode_entry(entry: Entry) -> list[Any]:
    """Return `[term, index, kind, data]`, and the configuration at the end where there is one."""
    raise NotImplementedError(entry)


def decode_entry(value: object) -> Entry:
    """Undo `encode_entry`; RemoteProtocolError for anything else."""
    raise NotImplementedError(value)


def encode_configuration(configuration: Configuration) -> list[Any]:
    """Return `[voters, non_voting]`."""
    raise NotImplementedError(configuration)


def decode_configuration(value: object) -> Configuration:
    """Undo `encode_configuration`; RemoteProtocolError for anything else."""
    raise NotImplementedError(value)


def encode_snapshot(snapshot: Snapshot) -> list[Any]:
    """Return `[last_index, last_term, configuration, data, first_command_index]`."""
    raise NotImplementedError(snapshot)


def decode_snapshot(value: object) -> Snapshot:
    """Undo `encode_snapshot`; RemoteProtocolError for anything else."""
    raise NotImplementedError(value)


def encode_feed(feed: Feed) -> list[Any]:
    """Return `[term, leader_id, prev_index, entries, configuration]`."""
    raise NotImplementedError(feed)


def decode_feed(value: object) -> Feed:
    """Undo `encode_feed`; RemoteProtocolError for anything else."""
    raise NotImplementedError(value)


def encode_batch(batch: Batch) -> list[Any]:
    """Return `[reset, identity, hard_state, snapshot, entries]`."""
    raise NotImplementedError(batch)


def decode_batch(value: object) -> Batch:
    """Undo `encode_batch`; RemoteProtocolError for anything else."""
    raise NotImplementedError(value)
