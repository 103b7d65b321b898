"""The tabs' protocol: everything comes back as it was sent, and nonsense is refused."""

import json

import pytest

from webraft_web.core.entry import Configuration, Entry, EntryKind, Snapshot
from webraft_web.core.errors import RemoteProtocolError
from webraft_web.core.ready import Feed
from webraft_web.site import protocol

MEMBERS = Configuration(("i@a",), ("j@b",))
BEAT = protocol.Beat(
    run=4,
    cluster="c",
    address="a",
    role="leader",
    leader="a",
    term=3,
    commit=9,
    is_settled=True,
    members={"a": "voter", "b": "non_voting"},
    missing=["b"],
    tabs=["t1", "t2"],
    links={"b": {"rtt_ms": 0.4, "local": "host"}},
)
TEXTS = [
    protocol.Hello("", 0),
    protocol.Bye(),
    protocol.Need("c", 7),
    protocol.Commands("c", EntryKind.HOUSEKEEPING, ["x", "é\n\"'"]),
    protocol.ReadRequest(3),
    protocol.Hidden(),
    protocol.Visible(),
    protocol.Offer(),
    protocol.Order("recover", "c"),
    protocol.Order("yield", "c", "d"),
    protocol.Left(),
    protocol.Forget(),
    protocol.Starting(),
    BEAT,
    protocol.Entries(4, "c", Feed(3, "i@a", 8, [Entry(3, 9, data="x")], MEMBERS)),
    protocol.Document(4, "c", Snapshot(9, 3, MEMBERS, "{}", 9)),
    protocol.ReadAnswer(4, "c", 3, 9),
    protocol.Refused(4, True, ["x"]),
]


@pytest.mark.parametrize("content", TEXTS, ids=lambda content: type(content).__name__)
def test_every_kind_of_text_comes_back_as_it_was_sent(content):
    """What one tab says is what another understands."""
    envelope = protocol.decode(protocol.encode("t1", content, "t2"), "t2")
    assert envelope is not None
    assert envelope.sender == "t1"
    assert type(envelope.content) is type(content)
    if isinstance(content, protocol.Document):
        assert envelope.content.snapshot.data == content.snapshot.data
    else:
        assert envelope.content == content


def test_every_kind_of_text_is_tried_here():
    """A kind added to the table without a case would go untested."""
    assert {type(content) for content in TEXTS} == set(protocol._KINDS_BY_TYPE)


def test_a_text_for_another_tab_is_skipped_unread():
    """The recipient stands first, so that even nonsense for others costs nothing."""
    assert protocol.decode("t9\n{nonsense", "t1") is None


@pytest.mark.parametrize("content", TEXTS, ids=lambda content: type(content).__name__)
@pytest.mark.parametrize(
    "value", [None, True, -1, 2**53, 1.5, "", "x" * 300, [], [[]], [None], {"a": 1}, {"": 1}]
)
def test_a_field_of_the_wrong_type_is_refused_or_harmless(content, value):
    """Whatever stands in a field, nothing but RemoteProtocolError comes out, or a text of the right types."""
    parts = json.loads(protocol.encode("t1", content).partition("\n")[2])
    for position in range(len(parts)):
        text = "\n" + json.dumps([*parts[:position], value, *parts[position + 1 :]])
        try:
            envelope = protocol.decode(text, "t2")
        except RemoteProtocolError:
            continue
        assert envelope is not None
        assert protocol.decode(protocol.encode("t1", envelope.content), "t2") is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "\nnull",
        "\n[]",
        "\n[1]",
        '\n[3,"t"]',
        '\n[3,"t","beat"]',
        '\n[3,"t","nonsense"]',
        "\n" + "[" * 9999,
    ],
)
def test_a_text_of_the_wrong_shape_is_refused(text):
    """A text that cannot be read raises RemoteProtocolError and nothing else."""
    with pytest.raises(RemoteProtocolError):
        protocol.decode(text, "t1")


def test_another_version_is_refused_by_name():
    """A tab with another release of the package is told apart from one that talks nonsense."""
    with pytest.raises(RemoteProtocolError, match="version 4"):
        protocol.decode('\n[4,"t1","dance",1,2,3]', "t2")


@pytest.mark.parametrize("kind", [1, 2, 4, 9, True])
def test_a_tab_cannot_propose_what_only_servers_may(kind):
    """No-ops, configurations and yields come from the server itself."""
    with pytest.raises(RemoteProtocolError, match="may not propose"):
        protocol.decode(f'\n[3,"t1","commands","c",{json.dumps(kind)},["x"]]', "t2")
