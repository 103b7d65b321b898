"""How two ends prove to each other that they hold the room's secret, and that nobody stands between.

Each end says hello: its page, a fresh nonce, and its application's claim. Each then
proves that it knows the room's key, over everything that both have said and
over both certificates as it sees them. A proof holds for one direction of one
connection: it cannot be replayed, reflected or carried over to another.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass
from typing import Final, Protocol

from webraft_web.core.errors import AuthenticationError, RemoteProtocolError

VERSION: Final = 1
HELLO: Final = "?"
PROOF: Final = "!"
NONCE_BYTES: Final = 32
MAX_CLAIM_CHARACTERS: Final = 4096


class AuthenticationKeys(Protocol):
    """What is needed of a room's keys; `transports.keys.RoomKeys` is one."""

    @property
    def topic(self) -> str:
        """What stands for the room where it must not be named."""

    @property
    def authentication(self) -> bytes:
        """The key of proofs."""


@dataclass(frozen=True)
class Party:
    """One end, as one of the two sees it."""

    page: str
    nonce: str
    claim: str
    fingerprint: str


def hello(party: Party) -> str:
    """Return what `party` says first."""
    return HELLO + json.dumps([VERSION, party.page, party.nonce, party.claim])


def read_hello(message: str, page: str, fingerprint: str) -> Party:
    """Return the other end as it presents itself in `message`.

    Args:
        message: What it said first.
        page: Which page was signalled with.
        fingerprint: Of the certificate that its description has.

    Raises:
        RemoteProtocolError: If this is no hello of this version.
        AuthenticationError: If another page speaks than the one that was signalled with.
    """
    try:
        fields = json.loads(message.removeprefix(HELLO)) if message.startswith(HELLO) else None
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, list) and fields and fields[0] != VERSION:
        raise RemoteProtocolError(
            f"a peer that speaks version {str(fields[0])[:20]} of the links' protocol, expected {VERSION}: "
            "reload the older page"
        )
    match fields:
        case [_, str(spoken), str(nonce), str(claim)] if (
            len(nonce) == 2 * NONCE_BYTES and len(claim) <= MAX_CLAIM_CHARACTERS
        ):
            pass
        case _:
            raise RemoteProtocolError(f"{message[:40]!r}, expected a hello")
    if spoken != page:
        raise AuthenticationError(f"page {spoken[:40]!r} speaks where {page!r} was signalled with")
    return Party(page, nonce, claim, fingerprint)


def proof(keys: AuthenticationKeys, sender: Party, receiver: Party) -> str:
    """Return what `sender` says to `receiver` to prove itself."""
    transcript = json.dumps(
        [
            "webraft link, from the first to the second",
            VERSION,
            keys.topic,
            *([party.page, party.nonce, party.fingerprint, party.claim] for party in (sender, receiver)),
        ]
    )
    return PROOF + hmac.digest(keys.authentication, transcript.encode(), "sha256").hex()


def check_proof(keys: AuthenticationKeys, message: str, sender: Party, receiver: Party) -> None:
    """Make sure that `message` proves `sender` to `receiver`.

    Raises:
        AuthenticationError: If it does not.
    """
    if not message.startswith(PROOF):
        raise RemoteProtocolError(f"{message[:40]!r}, expected a proof")
    expected = proof(keys, sender, receiver)
    if not hmac.compare_digest(message.encode("utf-8", "replace"), expected.encode()):
        raise AuthenticationError(
            f"page {sender.page!r} could not prove that it belongs to the room: it has another secret, "
            "or somebody stands between"
        )
