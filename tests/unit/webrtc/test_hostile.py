"""Whatever messages and signals arrive, in whatever order: nothing raises, and little is kept."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.webrtc.pages import A, B, Site, World, link_to_puppet
from tests.unit.webrtc.test_link import Honest
from webraft_web.core.errors import WebraftError
from webraft_web.testing import run

NONCE = "0" * 64
PIECES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["=", "+", "-", "?", "!", "#", "x", "+9:", "-" + "x" * 15_000, f"+{1 << 30}:x", "=text"]),
    st.integers(0, 1 << 40).map(lambda size: f"+{size}:" + "x" * 15_000),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=70)), max_size=5).map(
        lambda fields: "?" + json.dumps(fields)
    ),
    st.builds(
        lambda version, page, claim: "?" + json.dumps([version, page, NONCE, claim]),
        st.sampled_from([1, 2, 1.0, True]),
        st.sampled_from([A, B]),
        st.text(max_size=5),
    ),
    st.text("0123456789abcdef", min_size=64, max_size=64).map(lambda digest: "!" + digest),
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.booleans(), st.lists(PIECES, max_size=8))
def test_no_message_raises_and_none_is_heard_before_a_proof(is_greeted, messages):
    """A link either stays as it is, or ends with one reason and tells the application nothing more."""

    async def main():
        link, watcher, puppet = link_to_puppet(World())
        heard = []
        link.on_text = heard.append
        if is_greeted:
            Honest(puppet)
        await asyncio.sleep(1)
        assert link.is_open is is_greeted
        for message in messages:
            was_open = link.is_open
            count = len(heard)
            link.on_message(message)
            assert len(heard) == count or was_open
        assert len(watcher.ends) <= 1
        assert link.is_open is (is_greeted and not watcher.ends)
        assert all(end.error is None or isinstance(end.error, WebraftError) for end in watcher.ends)
        assert sum(map(len, link._assembly._parts)) < 10 * 15_000

    run(main())


@settings(max_examples=100)
@given(st.booleans(), st.lists(JSON.map(json.dumps) | st.text(max_size=30), max_size=6))
def test_no_signal_raises_and_the_page_is_linked_again(is_linked, signals):
    """Nonsense is reported once, and what is no nonsense does no harm."""

    async def main():
        world = World()
        a, b = Site(world, A), Site(world, B)
        if is_linked:
            await asyncio.sleep(5)
        for one, other in ((a, B), (b, A)):
            for signal in signals:
                one.mesh._signalled(other, signal)
            assert len(one.errors) <= 1
        await asyncio.sleep(600)
        assert [set(a.mesh.links), set(b.mesh.links)] == [{B}, {A}]
        assert len(world.ends) == 2

    run(main())
