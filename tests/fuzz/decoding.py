"""The targets that decode: whatever is not exactly what the encoder would have made is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from tests.fuzz import garbage
from tests.fuzz.choices import Choices
from tests.fuzz.messages import Hostile
from tests.fuzz.roles import blank
from webraft_web import wire
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import BadArgumentError, RemoteProtocolError
from webraft_web.core.ready import Feed
from webraft_web.json_text import to_json_text
from webraft_web.server import greeting
from webraft_web.site import protocol
from webraft_web.storage.base import Batch, Identity

_CONFIGURATION: Final = Configuration(("a", "b"), ("c",))
_ENTRIES: Final = [
    Entry(1, 4, EntryKind.COMMAND, "x"),
    Entry(2, 5, EntryKind.CONFIGURATION, "", _CONFIGURATION),
    Entry(2, 6, EntryKind.YIELD, "other"),
]
_SNAPSHOT: Final = Snapshot(9, 2, _CONFIGURATION, "state", 3)
_FEED: Final = Feed(2, "a", 3, _ENTRIES, _CONFIGURATION)
_BATCH: Final = Batch(
    False, Identity("a", "i", None, True, ("old",)), HardState(2, "b", 3), _SNAPSHOT, _ENTRIES
)

_OLD_IDENTITY_LENGTH: Final = 4
"""The first release stored identities without the clusters that have yielded."""
_CODECS: Final[tuple[tuple[Callable[[Any], Any], Callable[[Any], Any], Any], ...]] = (
    (wire.encode_entry, wire.decode_entry, _ENTRIES[1]),
    (wire.encode_configuration, wire.decode_configuration, _CONFIGURATION),
    (wire.encode_snapshot, wire.decode_snapshot, _SNAPSHOT),
    (wire.encode_feed, wire.decode_feed, _FEED),
    (wire.encode_batch, wire.decode_batch, _BATCH),
)
_TEXTS: Final = (
    protocol.Hello("cluster", 4),
    protocol.Bye(),
    protocol.Need("", 0),
    protocol.Commands("cluster", EntryKind.COMMAND, ["x"]),
    protocol.ReadRequest(7),
    protocol.Visible(),
    protocol.Order("recover", "cluster"),
    protocol.Order("yield", "cluster", "other"),
    protocol.Left(),
    protocol.Forget(),
    protocol.Starting(),
    protocol.Beat(
        1, "cluster", "a", "leader", "a", 2, 3, True, {"a": "voter"}, [], ["tab"], {"b": {"rtt_ms": 1.5}}
    ),
    protocol.Entries(1, "cluster", _FEED),
    protocol.Document(1, "cluster", _SNAPSHOT),
    protocol.ReadAnswer(1, "cluster", 7, 3),
    protocol.Refused(1, False, ["x"]),
)
_HELLO: Final = greeting.Hello("i@a", True, True, False, False, ("a", "b"), True)


def try_wire(choices: Choices) -> None:
    """Decode what is nearly a message, or nearly one of the parts that are stored."""
    if choices.one_in(2):
        encode, decode = wire.encode_message, wire.decode_message
        value = json.loads(json.dumps(_encoded_message(choices)))
    else:
        encode, decode, example = choices.pick(_CODECS)
        value = json.loads(json.dumps(encode(example)))
    value = _bent(choices, value)
    try:
        decoded = decode(value)
    except RemoteProtocolError as error:
        _check_brief(error)
    else:
        if decode is wire.decode_batch and value[1] is not None and len(value[1]) == _OLD_IDENTITY_LENGTH:
            value[1].append([])
        assert json.dumps(encode(decoded)) == json.dumps(value), "decoded is not what was encoded"


def _encoded_message(choices: Choices) -> list[Any]:
    try:
        message = Hostile(choices, blank().raft).straight_message()
        return wire.encode_message(wire.decode_message(wire.encode_message(message)))
    except RemoteProtocolError:
        return []


def try_greeting(choices: Choices) -> None:
    """Open what is nearly a payload, and read what is nearly a greeting."""
    payload = choices.pick(
        (
            greeting.seal_hello("cluster", _HELLO),
            greeting.seal(None, greeting.FOUND, ["a", "b"]),
            greeting.seal("cluster", greeting.OVER, [*greeting.Over("i@a", 3, 7)]),
            greeting.seal("cluster", greeting.RAFT, [[]]),
        )
    )
    value = _bent(choices, json.loads(json.dumps(payload)))
    try:
        envelope = greeting.open_payload(value)
        if envelope.kind == greeting.HELLO:
            hello = greeting.read_hello(envelope.body)
            greeting.check_sender(hello.server_id, choices.pick(("a", "b", "")))
            assert json.dumps(greeting.seal_hello(envelope.cluster_id, hello)) == json.dumps(value)
        elif envelope.kind == greeting.OVER:
            assert [*greeting.read_over(envelope.body)] == envelope.body
        elif envelope.kind != greeting.RAFT:
            greeting.read_ids(envelope.body, choices.pick((None, 1)))
    except RemoteProtocolError as error:
        _check_brief(error)


def try_protocol(choices: Choices) -> None:
    """Decode what is nearly a text of another tab."""
    recipient = choices.pick(("", "tab", "other"))
    text = protocol.encode("sender", choices.pick(_TEXTS), recipient)
    if choices.one_in(4):
        text = _spoiled(choices, text)
    else:
        head, _, body = text.partition("\n")
        text = f"{head}\n{_dumped(_bent(choices, json.loads(body)))}"
    try:
        envelope = protocol.decode(text, "tab")
    except RemoteProtocolError as error:
        _check_brief(error)
    else:
        if envelope is not None:
            again = protocol.encode(envelope.sender, envelope.content)
            assert protocol.decode(again, "tab") is not None


def try_values(choices: Choices) -> None:
    """Turn anything that an application may pass into JSON text, or refuse it."""
    value = choices.pick((garbage.any_value, garbage.json_value))(choices)
    value = choices.pick((value, {"a": value}, [value], {choices.pick((1, None, "k", (1,))): value}))
    try:
        text = to_json_text(value)
    except BadArgumentError as error:
        _check_brief(error)
    else:
        assert to_json_text(json.loads(text)) == text


def _check_brief(error: Exception) -> None:
    assert len(str(error)) < 3000, "a refusal is as long as what it refuses"


def _bent(choices: Choices, value: Any) -> Any:
    """Put other values at a few places of a JSON value, or take some away, or double them."""
    for _ in range(choices.below(4)):
        if not value or choices.one_in(32):
            return garbage.json_value(choices)
        place: Any = value
        while True:
            keys = list(place) if isinstance(place, dict) else range(len(place))
            key = choices.pick(keys)
            if not (place[key] and isinstance(place[key], list | dict)) or choices.one_in(4):
                break
            place = place[key]
        what = choices.below(8)
        if what == 0:
            del place[key]
        elif what <= 2 and isinstance(place, list):
            place.append(place[key])
        elif what == 3 and isinstance(place, list):
            place.reverse()
        else:
            place[key] = garbage.json_value(choices)
    return value


def _dumped(value: Any) -> str:
    """Return JSON text even of what json itself does not write."""
    try:
        return json.dumps(value)
    except RecursionError:
        return "[" * 3000 + "]" * 3000
    except ValueError:
        return "1" * 5000


def _spoiled(choices: Choices, text: str) -> str:
    """Replace a part of a text by another."""
    begin = choices.below(len(text))
    end = min(len(text), begin + choices.below(20))
    other = choices.pick((choices.text(), "[" * 100_000, "9" * 400, "9" * 5000, "1e999", "NaN", "-0", "{"))
    return text[:begin] + other + text[end:]
