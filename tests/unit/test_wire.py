"""The wire: everything that is encoded comes back, everything else is refused."""

import ast
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core_objects import attributes, interpreted_only
from webraft_web import wire
from webraft_web.core import message as messages
from webraft_web.core.entry import Configuration, Entry, EntryKind, HardState, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.ready import Feed
from webraft_web.storage.base import Batch, Identity

NUMBERS = st.integers(0, wire.MAX_INTEGER)
IDS = st.text(min_size=1, max_size=12)
TEXTS = st.text(max_size=20)
CONFIGURATIONS = st.builds(
    lambda ids, count: Configuration(tuple(ids[:count]), tuple(ids[count:])),
    st.lists(IDS, unique=True, max_size=4),
    st.integers(0, 4),
)
DATA_KINDS = st.sampled_from([EntryKind.COMMAND, EntryKind.HOUSEKEEPING, EntryKind.YIELD])
CONTENTS = st.one_of(
    st.tuples(DATA_KINDS, TEXTS, st.none()),
    st.just((EntryKind.NO_OP, "", None)),
    st.tuples(st.just(EntryKind.CONFIGURATION), st.just(""), CONFIGURATIONS),
)


@st.composite
def entry_lists(draw: st.DrawFn, first: int | None = None) -> list[Entry]:
    """Entries as they stand in a log: consecutive, terms never falling."""
    index = draw(st.integers(1, 2**40)) if first is None else first
    term = draw(st.integers(1, 2**40))
    entries = []
    for content in draw(st.lists(CONTENTS, max_size=4)):
        term += draw(st.integers(0, 2))
        kind, data, configuration = content
        entries.append(Entry(term, index, kind, data, configuration))
        index += 1
    return entries


SNAPSHOTS = st.builds(
    lambda first, more, term, configuration, data: Snapshot(first + more, term, configuration, data, first),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    NUMBERS,
    CONFIGURATIONS,
    st.none() | TEXTS,
)
FIELDS = {
    "bool": st.booleans(),
    "int": NUMBERS,
    "int | None": st.none() | NUMBERS,
    "list[Entry]": entry_lists(),
    "Configuration": CONFIGURATIONS,
    "Configuration | None": st.none() | CONFIGURATIONS,
    "str | None": st.none() | TEXTS,
    "str": TEXTS,
    "ServerId": IDS,
    "list[str]": st.lists(TEXTS, min_size=1, max_size=3),
    "EntryKind": DATA_KINDS,
}
CLASSES = messages.Message.__subclasses__()


def message_strategy(kind: type[messages.Message]) -> st.SearchStrategy[messages.Message]:
    """Build any message of a class from its constructor's annotations."""
    strategies = [FIELDS[name] for name in annotations(kind)]
    return st.tuples(IDS, IDS, *strategies[2:]).map(lambda fields: kind(*fields))


def annotations(kind: type[messages.Message]) -> list[str]:
    """The constructor's annotations as written: compiled classes keep none."""
    path = Path(messages.__file__).with_name("message.py")
    classes = {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}
    bodies = [*classes[kind.__name__].body, *classes["Message"].body]
    constructor = next(
        node for node in bodies if isinstance(node, ast.FunctionDef) and node.name == "__init__"
    )
    return [ast.unparse(one.annotation) for one in constructor.args.args[1:] if one.annotation]


MESSAGES = st.one_of([message_strategy(kind) for kind in CLASSES])
FEEDS = st.integers(0, 2**40).flatmap(
    lambda prev: st.builds(
        Feed, NUMBERS, st.none() | IDS, st.just(prev), entry_lists(first=prev + 1), CONFIGURATIONS
    )
)
BATCHES = st.builds(
    Batch,
    st.booleans(),
    st.none()
    | st.builds(Identity, IDS, IDS, st.none() | IDS, st.booleans(), st.lists(IDS, max_size=3).map(tuple)),
    st.none() | st.builds(HardState, NUMBERS, st.none() | IDS, NUMBERS),
    st.none() | SNAPSHOTS,
    entry_lists(),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)
DECODERS = [
    wire.decode_message,
    wire.decode_entry,
    wire.decode_configuration,
    wire.decode_snapshot,
    wire.decode_feed,
    wire.decode_batch,
]


def through_json(value: object) -> object:
    return json.loads(json.dumps(value))


def slots(snapshot: Snapshot | None) -> list[object] | None:
    return None if snapshot is None else [getattr(snapshot, name) for name in attributes(Snapshot)]


@given(MESSAGES)
def test_every_message_comes_back(message: messages.Message) -> None:
    """Decoding undoes encoding, with and without JSON text in between."""
    encoded = wire.encode_message(message)
    assert wire.decode_message(encoded) == message
    assert wire.decode_message(through_json(encoded)) == message


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_of_message_has_a_layout(kind: type[messages.Message]) -> None:
    """A message added to the core and forgotten here would be noticed."""
    assert kind.__name__ in wire._LAYOUTS


@given(FEEDS)
def test_every_feed_comes_back(feed: Feed) -> None:
    """What observers are fed survives the channel."""
    assert wire.decode_feed(through_json(wire.encode_feed(feed))) == feed


@given(SNAPSHOTS)
def test_every_snapshot_comes_back(snapshot: Snapshot) -> None:
    """All its fields survive, data None included."""
    assert slots(wire.decode_snapshot(through_json(wire.encode_snapshot(snapshot)))) == slots(snapshot)


@given(BATCHES)
def test_every_batch_comes_back(batch: Batch) -> None:
    """What is read from a journal is what was written."""
    decoded = wire.decode_batch(through_json(wire.encode_batch(batch)))
    assert decoded._replace(snapshot=None) == batch._replace(snapshot=None)
    assert slots(decoded.snapshot) == slots(batch.snapshot)


@pytest.mark.parametrize("decode", DECODERS)
@given(JSON)
def test_garbage_raises_nothing_but_a_remote_protocol_error(decode, garbage: object) -> None:
    """Whatever JSON can carry is either decoded or refused."""
    with suppress(RemoteProtocolError):
        decode(garbage)


@given(MESSAGES, st.data())
@settings(max_examples=300)
def test_a_message_with_one_part_replaced_is_refused_or_equals_its_encoding(message, data) -> None:
    """Nothing is read generously: what decodes encodes to the very same list."""
    encoded = through_json(wire.encode_message(message))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] = data.draw(JSON)
    try:
        decoded = wire.decode_message(encoded)
    except RemoteProtocolError:
        return
    assert wire.encode_message(decoded) == encoded


@given(MESSAGES, st.integers(0, 3))
def test_a_message_with_missing_or_extra_parts_is_refused(message, extra: int) -> None:
    """Lengths are exact."""
    encoded = wire.encode_message(message)
    with pytest.raises(RemoteProtocolError):
        wire.decode_message([*encoded, *[0] * (extra + 1)])
    with pytest.raises(RemoteProtocolError):
        wire.decode_message(encoded[: -extra - 1])


@pytest.mark.parametrize(
    "term",
    [True, False, -1, 2**53, 10**5000, 1.0, "1", None, [1]],
    ids=lambda value: type(value).__name__,
)
def test_a_term_is_an_integer_that_javascript_can_carry(term: object) -> None:
    """Strict types: True is not 1, 1.0 is not 1; bounds: 0 to 2^53-1; and the error stays short."""
    with pytest.raises(RemoteProtocolError) as caught:
        wire.decode_message(["TimeoutNow", "a", "b", term])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("name", ["Message", "raise", "", None, 1, ["TimeoutNow"], {}])
def test_an_unknown_name_is_refused(name: object) -> None:
    """Only the names of messages are names of messages."""
    with pytest.raises(RemoteProtocolError):
        wire.decode_message([name, "a", "b", 1])


@pytest.mark.parametrize("server_id", ["", "x" * 1025, None, 1])
def test_an_id_is_short_text(server_id: object) -> None:
    """Ids are bounded, since they are kept."""
    with pytest.raises(RemoteProtocolError):
        wire.decode_message(["TimeoutNow", server_id, "b", 1])


@pytest.mark.parametrize(
    "entry",
    [
        [0, 1, 0, ""],
        [1, 0, 0, ""],
        [1, 1, 5, ""],
        [1, 1, -1, ""],
        [1, 1, True, ""],
        [1, 1, 0, None],
        [1, 1, 1, "data"],
        [1, 1, 2, ""],
        [1, 1, 2, "", None],
        [1, 1, 2, "data", [["a"], []]],
        [1, 1, 0, "", [["a"], []]],
        [1, 1, 2, "", [["a"], ["a"]]],
        [1, 1, 2, "", [["a", "a"], []]],
        [1, 1, 2, "", [["b", "a"], []]],
        [1, 1, 2, "", [["a"], [["b"]]]],
        [1, 1, 2, "", [["a"] * 1025, []]],
    ],
)
def test_an_entry_that_no_leader_appends_is_refused(entry: object) -> None:
    """Term and index are positive, kinds are known, and each kind carries what is its own."""
    with pytest.raises(RemoteProtocolError):
        wire.decode_entry(entry)


@pytest.mark.parametrize("entries", [[[1, 1, 0, ""], [1, 3, 0, ""]], [[2, 1, 0, ""], [1, 2, 0, ""]]])
def test_entries_that_no_log_holds_are_refused(entries: object) -> None:
    """Indexes follow one another and terms never fall, in messages, feeds and batches alike."""
    with pytest.raises(RemoteProtocolError, match="cannot follow"):
        wire.decode_message(["AppendEntries", "a", "b", 1, 0, 0, entries, 0])
    with pytest.raises(RemoteProtocolError, match="cannot follow"):
        wire.decode_feed([1, None, 0, entries, [[], []]])
    with pytest.raises(RemoteProtocolError, match="cannot follow"):
        wire.decode_batch([False, None, None, None, entries])


def test_a_feed_begins_where_it_says() -> None:
    """Its entries follow prev_index."""
    with pytest.raises(RemoteProtocolError):
        wire.decode_feed([1, None, 5, [[1, 7, 0, ""]], [[], []]])


@interpreted_only
def test_a_message_carries_a_bounded_number_of_entries_and_commands(monkeypatch) -> None:
    """Too many are refused before any of them is looked at."""
    monkeypatch.setattr(wire, "MAX_ENTRIES", 3)
    with pytest.raises(RemoteProtocolError, match="at most 3"):
        wire.decode_message(["AppendEntries", "a", "b", 1, 0, 0, [None] * 4, 0])
    with pytest.raises(RemoteProtocolError, match="1 to 3"):
        wire.decode_message(["Propose", "a", "b", 1, 7, [None] * 4, 0])
    with pytest.raises(RemoteProtocolError, match="1 to 3"):
        wire.decode_message(["Propose", "a", "b", 1, 7, [], 0])


@interpreted_only
def test_commands_and_snapshots_are_bounded(monkeypatch) -> None:
    """No text is larger than a server is prepared to keep."""
    monkeypatch.setattr(wire, "MAX_COMMAND_LENGTH", 3)
    monkeypatch.setattr(wire, "MAX_SNAPSHOT_LENGTH", 3)
    with pytest.raises(RemoteProtocolError, match="at most 3"):
        wire.decode_message(["Propose", "a", "b", 1, 7, ["long"], 0])
    with pytest.raises(RemoteProtocolError, match="at most 3"):
        wire.decode_entry([1, 1, 0, "long"])
    with pytest.raises(RemoteProtocolError, match="at most 3"):
        wire.decode_snapshot([1, 1, [[], []], "long", 0])


@pytest.mark.parametrize("kind", [int(EntryKind.NO_OP), int(EntryKind.CONFIGURATION), 7, True, None])
def test_only_kinds_with_commands_can_be_proposed(kind: object) -> None:
    """A peer cannot slip a configuration in."""
    with pytest.raises(RemoteProtocolError):
        wire.decode_message(["Propose", "a", "b", 1, 7, ["x"], kind])


def test_deeply_nested_garbage_is_refused() -> None:
    """Nothing here recurses into what it does not know."""
    nested: list[object] = []
    for _ in range(100_000):
        nested = [nested]
    for decode in DECODERS:
        with pytest.raises(RemoteProtocolError):
            decode(nested)
