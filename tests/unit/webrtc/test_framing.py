"""Texts as messages: cut, whole again, and bounded whatever arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webraft_web.core.errors import BadArgumentError, RemoteProtocolError
from webraft_web.transports.webrtc.connections import MAX_MESSAGE_BYTES
from webraft_web.transports.webrtc.framing import MAX_TEXT_BYTES, Assembly, size_of, to_messages

LONG = "x" * 20_000


def carry(text):
    assembly = Assembly()
    arrived = [assembly.take(message) for message in to_messages(text, size_of(text))]
    assert set(arrived[:-1]) <= {None}
    return arrived[-1]


@given(st.text(), st.integers(0, 5), st.sampled_from(["", "x" * 64_999, "é" * 40_000, "\U0001f600" * 33_000]))
def test_any_text_arrives_as_it_was(text, position, filler):
    """Whatever it is made of and however it has to be cut."""
    whole = text[:position] + filler + text[position:]
    assert carry(whole) == whole


@pytest.mark.parametrize("character", ["x", "é", "€", "\U0001f600"])
def test_no_message_is_too_long_for_a_channel(character):
    """64 KiB of UTF-8 is what every implementation carries."""
    text = character * 200_000
    sizes = [len(message.encode()) for message in to_messages(text, size_of(text))]
    assert max(sizes) <= MAX_MESSAGE_BYTES
    assert len(sizes) > 1


def test_one_assembly_carries_many_texts():
    """Long and short ones after each other."""
    assembly = Assembly()
    texts = ["", "a", "b" * 150_000, "c", "é" * 70_000]
    arrived = [assembly.take(message) for text in texts for message in to_messages(text, size_of(text))]
    assert [text for text in arrived if text is not None] == texts


@pytest.mark.parametrize(
    "messages",
    [
        [""],
        ["nonsense"],
        ["?[1]"],
        ["-a part of nothing"],
        ["+"],
        ["+12"],
        ["+:x"],
        ["+-5:x"],
        ["+0:"],
        ["+²:xx"],
        ["+ 7:x"],
        [f"+{MAX_TEXT_BYTES + 1}:{LONG}"],
        ["+1073741824:" + LONG],
        ["+" + "9" * 60_000],
        ["+5:123456"],
        [f"+50000:{LONG}", "=another"],
        [f"+50000:{LONG}", f"+50000:{LONG}"],
        [f"+50000:{LONG}", "-" + LONG, "-" + LONG],
        [f"+50000:{LONG}", "-"],
        [f"+50000:{LONG}", "-x"],
        ["+50000:x"],
        ["=" + "x" * 70_000],
    ],
)
def test_what_breaks_the_rules_is_refused_before_anything_is_kept_for_it(messages):
    """Sizes that are none or too large, parts that are too many, too short, or of nothing."""
    assembly = Assembly()
    for message in messages[:-1]:
        assert assembly.take(message) is None
    with pytest.raises(RemoteProtocolError):
        assembly.take(messages[-1])


def test_half_a_surrogate_pair_is_no_text():
    """A channel would change it, so it is refused where it is sent."""
    with pytest.raises(BadArgumentError, match="Unicode"):
        size_of("\ud800")
