"""One link: who may open it, and what a hostile other end can do to it, which is nothing."""

import asyncio
import json

import pytest

from tests.unit.webrtc.pages import A, B, C, Puppet, Watcher, World, link_to_puppet, setting
from webraft_web.core.errors import AuthenticationError, BadArgumentError, RemoteProtocolError, TransportError
from webraft_web.testing import run
from webraft_web.testing.webrtc import FakeKeys
from webraft_web.transports.webrtc.connections import HIGH_BYTES
from webraft_web.transports.webrtc.framing import MAX_TEXT_BYTES
from webraft_web.transports.webrtc.handshake import MAX_CLAIM_CHARACTERS, Party, hello, proof
from webraft_web.transports.webrtc.link import (
    BURST_MESSAGES,
    GREETING_MS,
    MAX_WAITING_BYTES,
    MESSAGES_PER_S,
    Link,
)

NONCE = "0" * 64


def greeting(message):
    """Read a hello."""
    version, page, nonce, claim = json.loads(message[1:])
    assert version == 1
    return page, nonce, claim


class Honest:
    """A puppet that greets as a link would."""

    def __init__(self, puppet, page=B, secret="secret", topic="topic", **changes):
        self.puppet, self.page, self.keys = puppet, page, FakeKeys(secret, topic)
        self.changes = changes
        puppet.react = self.react

    def react(self, message):
        if not message.startswith("?"):
            return
        page, nonce, claim = greeting(message)
        local, remote = self.puppet.opened
        changed = self.changes.get
        own = Party(
            self.page, changed("nonce", NONCE), changed("claim", "claim of b"), changed("local", local)
        )
        other = Party(
            page, changed("other_nonce", nonce), changed("other_claim", claim), changed("remote", remote)
        )
        self.puppet.connection.send(hello(Party(self.page, NONCE, "claim of b", "")))
        self.puppet.connection.send(proof(self.keys, own, other))


async def opened(world, **changes):
    """A link that is open to a puppet which greets."""
    link, watcher, puppet = link_to_puppet(world)
    Honest(puppet, **changes)
    await asyncio.sleep(1)
    return link, watcher, puppet


def refusal(watcher):
    (end,) = watcher.ends
    return end.error


def pair(world, one="secret", two="secret"):
    """Two links to each other."""
    watchers = Watcher(), Watcher()
    a = Link(setting(world, A, one), B, watchers[0], is_polite=False, is_first=True)
    b = Link(setting(world, B, two), A, watchers[1], is_polite=True, is_first=False)
    for watcher, other in zip(watchers, (b, a), strict=True):
        watcher.signal = other.signalled
    return a, b, watchers


def test_two_ends_with_the_secret_open_a_link_and_know_each_others_claims():
    """The claim of each is what the other's application says."""

    async def main():
        a, b, watchers = pair(World())
        await asyncio.sleep(1)
        assert [a.is_open, b.is_open, a.claim, b.claim] == [True, True, "claim of b", "claim of a"]
        assert [watcher.opened_links for watcher in watchers] == [[a], [b]]
        heard = []
        b.on_text = heard.append
        for text in ("one", "é" * 100_000, ""):
            a.send(text)
        await asyncio.sleep(1)
        assert heard == ["one", "é" * 100_000, ""]
        assert a.statistics()["texts_sent"] == b.statistics()["texts_received"] == 3
        assert a.statistics()["rtt_ms"] == 10

    run(main())


def test_another_secret_is_refused_by_both_ends():
    """Neither is told a text, and both say why."""

    async def main():
        a, b, watchers = pair(World(), two="another secret")
        await asyncio.sleep(1)
        assert not a.is_open
        assert not b.is_open
        errors = [refusal(watcher) for watcher in watchers]
        assert any(isinstance(error, AuthenticationError) and "secret" in str(error) for error in errors)
        assert all(isinstance(error, AuthenticationError | TransportError) for error in errors)

    run(main())


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "guessed"},
        {"topic": "of another room"},
        {"local": "sha-256 forged"},
        {"remote": "sha-256 forged"},
        {"nonce": "1" * 64},
        {"other_nonce": "1" * 64},
        {"claim": "another"},
        {"other_claim": "another"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_proof_over_anything_else_is_refused(changes):
    """The key, the room, both certificates, nonces and claims are what it is about."""

    async def main():
        link, watcher, _ = await opened(World(), **changes)
        assert not link.is_open
        assert isinstance(refusal(watcher), AuthenticationError)

    run(main())


def test_who_stands_between_is_refused_though_every_message_is_passed_on():
    """Both certificates are bound: those in the middle are not what the other end proves."""

    async def main():
        world = World()
        link, watcher, to_a = link_to_puppet(world, A, B)
        to_b = Puppet(world, A, is_first=True)
        other_watcher = Watcher()
        other = Link(setting(world, B), A, other_watcher, is_polite=True, is_first=False)
        other_watcher.other, to_b.other = to_b.connection, other.signalled
        to_a.react, to_b.react = to_b.connection.send, to_a.connection.send
        await asyncio.sleep(1)
        assert to_a.messages
        assert to_b.messages
        assert [link.is_open, other.is_open] == [False, False]
        assert any(isinstance(refusal(one), AuthenticationError) for one in (watcher, other_watcher))

    run(main())


def test_what_this_page_said_proves_nothing_when_it_comes_back():
    """A reflected hello names this page, not the other."""

    async def main():
        link, watcher, puppet = link_to_puppet(World())
        puppet.react = puppet.connection.send
        await asyncio.sleep(1)
        assert not link.is_open
        assert isinstance(refusal(watcher), AuthenticationError)
        assert A in str(refusal(watcher))

    run(main())


def test_a_reflected_proof_proves_nothing_even_after_a_hello_of_ones_own():
    """A proof is for one direction."""

    async def main():
        link, watcher, puppet = link_to_puppet(World())

        def react(message):
            if message.startswith("?"):
                _, nonce, claim = greeting(message)
                puppet.connection.send(hello(Party(B, nonce, claim, "")))
            else:
                puppet.connection.send(message)

        puppet.react = react
        await asyncio.sleep(1)
        assert not link.is_open
        assert "could not prove" in str(refusal(watcher))

    run(main())


def test_what_was_recorded_of_another_connection_proves_nothing():
    """Nonces and certificates are new each time."""

    async def main():
        world = World()
        recorded = []
        first, _, puppet = link_to_puppet(world)
        send = puppet.connection.send
        puppet.connection.send = lambda message: recorded.append(message) or send(message)
        Honest(puppet)
        await asyncio.sleep(1)
        assert first.is_open
        assert len(recorded) == 2
        second, watcher, replaying = link_to_puppet(world)
        replaying.react = lambda _: [replaying.connection.send(message) for message in recorded]
        await asyncio.sleep(1)
        assert not second.is_open
        assert isinstance(refusal(watcher), AuthenticationError)

    run(main())


@pytest.mark.parametrize(
    "said",
    [
        "",
        "garbage",
        "=a text before any proof",
        "!" + "0" * 64,
        "?",
        "?{}",
        "?[1]",
        "?" + "[" * 50_000,
        "?[1,2,3,4]",
        f'?[1,"{B}","short",""]',
        f'?["1","{B}","{NONCE}",""]',
        f'?[2,"{B}","{NONCE}",""]',
        f'?[1,"{C}","{NONCE}",""]',
        f'?[1,"{B}","{NONCE}","{"x" * (MAX_CLAIM_CHARACTERS + 1)}"]',
        f"+{1 << 30}:" + "x" * 60_000,
    ],
    ids=lambda said: said[:12],
)
def test_whatever_is_said_in_place_of_a_greeting_ends_the_link(said):
    """Nothing reaches the application, and the other end is told why."""

    async def main():
        link, watcher, puppet = link_to_puppet(World())
        link.on_text = pytest.fail
        puppet.react = lambda message: puppet.connection.send(said)
        await asyncio.sleep(1)
        assert isinstance(refusal(watcher), AuthenticationError | RemoteProtocolError)
        assert puppet.messages[-1].startswith("#")
        assert puppet.lost

    run(main())


def test_a_peer_of_another_version_is_told_what_to_do():
    """Pages that were loaded before an update meet those loaded after it."""

    async def main():
        _, watcher, puppet = link_to_puppet(World())
        puppet.react = lambda message: puppet.connection.send(f'?[2,"{B}","{NONCE}","",1]')
        await asyncio.sleep(1)
        assert "version 2" in str(refusal(watcher))
        assert "reload" in puppet.messages[-1]

    run(main())


def test_who_says_nothing_is_dropped_after_a_while():
    """An open channel without a proof is not kept."""

    async def main():
        _, watcher, puppet = link_to_puppet(World())
        await asyncio.sleep(GREETING_MS / 1000 - 1)
        assert watcher.ends == []
        await asyncio.sleep(2)
        assert "did not prove itself" in watcher.ends[0].reason
        assert refusal(watcher) is None, "it may only be slow"
        assert puppet.lost

    run(main())


@pytest.mark.parametrize(
    "said", ["", "?again", "-part", f"+{1 << 30}:x", f"+{MAX_TEXT_BYTES}:x", "=" + "x" * 70_000]
)
def test_a_member_that_sends_garbage_is_dropped_and_named(said):
    """One GB claimed in a header among it; nothing of it reaches the application."""

    async def main():
        link, watcher, puppet = await opened(World())
        closed = []
        link.on_text, link.on_closed = pytest.fail, closed.append
        assert link.is_open
        puppet.connection.send(said)
        await asyncio.sleep(1)
        assert isinstance(refusal(watcher), RemoteProtocolError)
        assert not link.is_open
        assert len(closed) == 1
        assert puppet.messages[-1].startswith("#")

    run(main())


def test_an_application_that_fails_is_not_the_other_ends_fault():
    """What `on_text` raises goes to whoever runs callbacks, and the link stays."""

    async def main():
        link, watcher, _ = await opened(World())

        def fail(text):
            raise RemoteProtocolError("of the application's own protocol")

        link.on_text = fail
        with pytest.raises(RemoteProtocolError):
            link.on_message("=text")
        assert link.is_open
        assert watcher.ends == []

    run(main())


def test_a_flood_ends_the_link_and_a_busy_peer_does_not():
    """What comes after a pause may come at once; what never ends is cut off."""

    async def main():
        link, watcher, puppet = await opened(World(bytes_per_ms=1 << 30))
        heard = []
        link.on_text = heard.append
        for _ in range(3):
            for _ in range(MESSAGES_PER_S):
                puppet.connection.send("=x")
            await asyncio.sleep(1)
        assert len(heard) == 3 * MESSAGES_PER_S
        assert link.is_open
        for _ in range(BURST_MESSAGES + 1000):
            puppet.connection.send("=x")
        await asyncio.sleep(1)
        assert isinstance(refusal(watcher), RemoteProtocolError)
        assert "flood" in str(refusal(watcher))
        assert len(heard) <= 3 * MESSAGES_PER_S + BURST_MESSAGES

    run(main())


def test_a_slow_channel_is_not_pressed_and_loses_only_what_cannot_wait():
    """A bounded number of bytes waits in the connection and in the link; order is kept."""

    async def main():
        world = World(bytes_per_ms=100)
        link, _, puppet = await opened(world)
        texts = [f"{number}" + "x" * 600_000 for number in range(40)]
        for text in texts:
            link.send(text)
            assert link.statistics()["waiting_bytes"] <= MAX_WAITING_BYTES + 1_000_000
        own_end = next(end for end in world.ends if end.page == A)
        assert own_end.waiting_bytes < HIGH_BYTES + 65_536
        lost = link.statistics()["texts_lost"]
        assert 0 < lost < 40
        most = 0
        for _ in range(400):
            await asyncio.sleep(1)
            most = max(most, own_end.waiting_bytes)
        assert link.statistics()["waiting_bytes"] == 0
        assert most < HIGH_BYTES + 65_536
        begun = [message.partition(":")[2][:2] for message in puppet.messages if message.startswith("+")]
        assert [one.rstrip("x") for one in begun] == [str(number) for number in range(40 - lost)]
        link.send("after")
        await asyncio.sleep(1)
        assert puppet.messages[-1] == "=after"

    run(main())


def test_goodbye_is_heard_at_once():
    """Nobody waits for a connection to go silent."""

    async def main():
        a, b, watchers = pair(World())
        await asyncio.sleep(1)
        closed = []
        b.on_closed = closed.append
        a.on_closed = pytest.fail
        a.send("last words")
        a.close("closing time")
        a.close("again")
        a.send("lost")
        await asyncio.sleep(0.02)
        assert closed == ["closing time"]
        assert watchers[1].ends[0].is_farewell
        assert watchers[0].ends == []
        assert a.statistics()["texts_lost"] == 1

    run(main())


def test_a_page_that_goes_away_says_goodbye():
    """Its connection does, for its Python may have no chance to."""

    async def main():
        world = World()
        _, _, watchers = pair(world)
        await asyncio.sleep(1)
        world.hide(A)
        await asyncio.sleep(0.02)
        assert watchers[1].ends[0].is_farewell

    run(main())


def test_too_large_a_text_is_the_senders_mistake():
    """It is refused before anything is sent."""

    async def main():
        link, _, puppet = await opened(World())
        said = len(puppet.messages)
        with pytest.raises(BadArgumentError, match=str(MAX_TEXT_BYTES)):
            link.send("x" * (MAX_TEXT_BYTES + 1))
        await asyncio.sleep(1)
        assert len(puppet.messages) == said
        assert link.is_open

    run(main())


def test_too_long_a_claim_is_this_sides_mistake_and_is_said():
    """It ends the link rather than being cut."""

    async def main():
        world = World()
        link, watcher, _ = link_to_puppet(world)
        object.__setattr__(link._setting, "claim", lambda: "x" * 5000)
        await asyncio.sleep(1)
        assert isinstance(refusal(watcher), BadArgumentError)

    run(main())


def test_a_connection_without_certificates_is_refused():
    """There would be nothing to bind a proof to."""

    async def main():
        link, watcher, _ = link_to_puppet(World())
        link.on_open("", "sha-256 x")
        assert isinstance(refusal(watcher), AuthenticationError)

    run(main())
