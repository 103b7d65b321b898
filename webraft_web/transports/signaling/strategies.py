"""From a URL to the strategy that it asks for."""

from __future__ import annotations

from random import Random

from webraft_web.clock import Clock
from webraft_web.transports.signaling.base import Strategy


def strategy_for(server: str | Strategy, clock: Clock, random: Random) -> Strategy:
    """Return the strategy for a server's URL; a strategy is its own.

    Args:
        server: "wss://…" or "ws://…" speaks y-webrtc's protocol, "trystero+wss://…" Trystero's,
            "peerjs+https://…" PeerJS's; "broadcast:" is the pages of this browser.
        clock: For reconnecting and keep-alive.
        random: For the jitter between attempts.

    Raises:
        ConfigError: If it is none of them.
    """
    raise NotImplementedError
