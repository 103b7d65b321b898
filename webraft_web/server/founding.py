"""How a server without a cluster gets into one: founds it, follows a founding, or waits to be added.

Sans-I/O, like the core: time and what was heard come in, decisions come out, and
the same inputs give the same decisions. Cold starts are where a consensus
library is most easily unsafe, hence its own file, and these rules:

- A server names in its first configuration only servers that have accepted its
  founding, durably. Each accepts one founding, so no two clusters count on the
  same server, and a founding is named after its founder, who founds once.
- Whoever has accepted and hears nothing of it any more does not go back on its
  word: it becomes a new server, with a new incarnation (see `Identity`).
- Whoever hears a cluster does not found, but waits for that cluster's leader.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from webraft_web.core.entry import ServerId, address_of, make_server_id
from webraft_web.server.greeting import Hello
from webraft_web.storage.base import Identity

SILENCES: int = 5
"""After so many heartbeat timeouts without a word a server no longer counts as heard."""
SLOWEST_HELLO_MS: int = 1000
"""At this period a server that does not answer is greeted in the end."""


class Link:
    """What is known about the server at one address.

    Fields:
        hello: Its last introduction, None if it has never been heard.
        cluster_id: Its cluster at that time.
        heard_ms: When anything was last heard from it.
    """

    __slots__ = ("cluster_id", "heard_ms", "hello", "hello_due_ms", "last_said", "pause_ms", "said_ms")

    def __init__(self, now_ms: int) -> None:
        self.hello: Hello | None = None
        self.cluster_id: str | None = None
        self.heard_ms = now_ms
        self.hello_due_ms = now_ms
        self.pause_ms = 0
        self.last_said: tuple[str | None, Hello] | None = None
        self.said_ms = now_ms


class Acquaintances:
    """Who is linked, who was heard lately, and who is to be greeted when."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.patience_ms = 225
        """A heartbeat timeout: the scale of every wait here."""
        self.period_ms = 100
        """How often a server that has something to learn is greeted."""

    def joined(self, address: str, now_ms: int) -> None:
        """Begin to greet `address`."""
        self.links.setdefault(address, Link(now_ms))

    def left(self, address: str) -> None:
        """Forget `address`."""
        self.links.pop(address, None)

    def heard(self, address: str, cluster_id: str | None, hello: Hello, now_ms: int) -> None:
        """Note an introduction."""
        link = self.links[address]
        if link.hello is None or link.hello.server_id != hello.server_id:
            link.last_said = None  # whoever this is has not heard from us yet
        link.hello, link.cluster_id, link.heard_ms = hello, cluster_id, now_ms

    def heard_lately(self, now_ms: int) -> Iterable[tuple[str, Link, Hello]]:
        """Return those whose last words are not too old, by address."""
        oldest_ms = now_ms - SILENCES * self.patience_ms - SLOWEST_HELLO_MS
        return [
            (address, link, link.hello)
            for address, link in sorted(self.links.items())
            if link.hello is not None and link.heard_ms >= oldest_ms
        ]

    def greet_all(self, now_ms: int) -> None:
        """Greet everybody at once and often again: what this server has to say has changed."""
        for link in self.links.values():
            link.hello_due_ms = now_ms
            link.pause_ms = 0

    def due(self, settled: Iterable[str], now_ms: int, *, patient: bool) -> list[str]:
        """Return the addresses to greet now, and put off the next greeting of each.

        Args:
            settled: Addresses that need no greeting: both ends are members and know it.
            now_ms: The time.
            patient: Whether pauses may grow: nothing waits for these greetings.
        """
        settled = set(settled)
        due = [
            address
            for address, link in self.links.items()
            if link.hello_due_ms <= now_ms and address not in settled
        ]
        for address in due:
            link = self.links[address]
            longest_ms = max(SLOWEST_HELLO_MS, self.period_ms) if patient else self.period_ms
            link.pause_ms = min(max(2 * link.pause_ms, self.period_ms), longest_ms)
            link.hello_due_ms = now_ms + link.pause_ms
        return due

    def is_news(self, address: str, said: tuple[str | None, Hello], now_ms: int) -> bool:
        """Whether saying `said` to `address` is worth it: it differs, or was said a while ago."""
        link = self.links[address]
        if link.last_said == said and now_ms - link.said_ms < self.period_ms // 4:
            return False
        link.last_said, link.said_ms = said, now_ms
        return True

    def deadline_ms(self, settled: Iterable[str]) -> int | None:
        """Return when the next greeting is due, None for never."""
        settled = set(settled)
        return min(
            (link.hello_due_ms for address, link in self.links.items() if address not in settled),
            default=None,
        )


class Decision(NamedTuple):
    """What to do next; all empty for waiting.

    Fields:
        offer_to: Servers to offer the founding to, by address.
        found_with: Found a cluster with these voters, oneself included.
        start_afresh: Take a new identity and begin anew.
    """

    offer_to: tuple[ServerId, ...] = ()
    found_with: tuple[ServerId, ...] = ()
    start_afresh: bool = False


WAIT = Decision()


class Founding:
    """The decisions of one blank server: its log is empty.

    Args:
        identity: Who it is; with a cluster id it has accepted a founding (or an invitation).
        members: The addresses of a fixed cluster, oneself included; None founds with whoever is heard.
        acquaintances: Whom it hears.
        now_ms: The time at which it starts to wait.
    """

    def __init__(
        self,
        identity: Identity,
        members: Iterable[str] | None,
        acquaintances: Acquaintances,
        now_ms: int,
    ) -> None:
        self._identity = identity
        self._own_id = make_server_id(identity.address, identity.incarnation)
        self.members = None if members is None else tuple(sorted(set(members)))
        self._acquaintances = acquaintances
        self._patient_until_ms = now_ms + acquaintances.patience_ms
        self._last_sign_ms = now_ms
        self._offered: set[ServerId] = set()
        self._accepted: set[ServerId] = set()
        self._offer_due_ms = now_ms

    @property
    def deadline_ms(self) -> int:
        """When `decide` wants to be called at the latest."""
        if self._identity.cluster_id is not None:
            return self._last_sign_ms + self._silence_ms()
        if self._offered:
            return min(self._offer_due_ms, self._patient_until_ms)
        return self._patient_until_ms

    def decide(self, now_ms: int) -> Decision:
        """Return what to do next; to be asked after everything heard and at `deadline_ms`."""
        if self._identity.cluster_id is not None:
            return self._stay_or_start_afresh(now_ms)
        decision = self._found_or_wait(now_ms) if self._identity.may_found else WAIT
        if decision is WAIT and now_ms >= self._patient_until_ms:
            # Look again at every period: those waited for may fall silent without a word.
            self._patient_until_ms = now_ms + self._acquaintances.period_ms
        return decision

    def sign_of_cluster(self, now_ms: int) -> None:
        """Note that the cluster of the accepted founding was heard of."""
        self._last_sign_ms = now_ms

    def accepts(self, founder: ServerId, now_ms: int) -> bool:
        """Tell whether to follow the founding by `founder`; the caller then makes that durable."""
        identity = self._identity
        if identity.cluster_id is not None:
            return identity.cluster_id == cluster_named_after(founder)
        address = address_of(founder)
        if not identity.may_found or self._accepted or address > identity.address:
            return False
        if self.members is not None:
            return address == self.members[0]
        return not self._hears_cluster(now_ms)

    def accepted(self, acceptor: ServerId) -> None:
        """Note that `acceptor` follows this server's founding, durably."""
        if acceptor in self._offered:
            self._accepted.add(acceptor)

    def _stay_or_start_afresh(self, now_ms: int) -> Decision:
        """Leave a founding that will never come, by becoming a new server."""
        for _, link, hello in self._acquaintances.heard_lately(now_ms):
            if link.cluster_id == self._identity.cluster_id:
                if not hello.is_blank:  # two that wait for the same founder are no sign of it
                    self._last_sign_ms = max(self._last_sign_ms, link.heard_ms)
            elif cluster_named_after(hello.server_id) == self._identity.cluster_id:
                if link.cluster_id is not None:
                    return Decision(start_afresh=True)  # the founder went elsewhere, and founds only once
                self._last_sign_ms = max(self._last_sign_ms, link.heard_ms)
        is_over = self._identity.may_found and now_ms >= self._last_sign_ms + self._silence_ms()
        if not is_over and now_ms >= self.deadline_ms:
            self._last_sign_ms = now_ms  # invited: it waits for ever, and is asked again later
        return Decision(start_afresh=True) if is_over else WAIT

    def _found_or_wait(self, now_ms: int) -> Decision:
        fresh = {address_of(server_id): server_id for server_id in self._fresh(now_ms)}
        if self._offered:
            return self._go_on(fresh, now_ms)
        if self.members is None and self._hears_cluster(now_ms):
            return WAIT
        others = set(fresh)
        if self.members is not None:
            is_time = others >= set(self.members) - {self._identity.address}
        else:
            is_time = now_ms >= self._patient_until_ms or (
                bool(others) and others == set(self._acquaintances.links)
            )
        if not is_time or min(others, default=self._identity.address) < self._identity.address:
            return WAIT
        if not fresh:
            return Decision(found_with=(self._own_id,))
        self._offered = set(fresh.values())
        self._patient_until_ms = now_ms + self._acquaintances.patience_ms
        return self._offer(now_ms)

    def _go_on(self, fresh: dict[str, ServerId], now_ms: int) -> Decision:
        """Go on with a founding whose offers are out."""
        missing = self._offered - self._accepted
        if self.members is not None and set(fresh.values()) != self._offered:
            self._offered, self._accepted = set(), set()  # one of them is new: begin again
            return WAIT
        if not self._accepted and min(fresh, default=self._identity.address) < self._identity.address:
            self._offered = set()  # a smaller address turned up in time: follow that one
            return WAIT
        if self.members is None:
            missing &= set(fresh.values())
            if not self._accepted and self._hears_cluster(now_ms):
                self._offered = set()
                return WAIT
        if not missing or (self.members is None and now_ms >= self._patient_until_ms):
            # Only those who still are who accepted: one that lost its state since will never vote.
            return Decision(found_with=(self._own_id, *sorted(self._accepted & set(fresh.values()))))
        return self._offer(now_ms)

    def _offer(self, now_ms: int) -> Decision:
        if now_ms < self._offer_due_ms:
            return WAIT
        self._offer_due_ms = now_ms + self._acquaintances.period_ms
        return Decision(offer_to=tuple(sorted(self._offered - self._accepted)))

    def _fresh(self, now_ms: int) -> list[ServerId]:
        """Return the servers heard that may take part in a founding with this one."""
        return [
            hello.server_id
            for address, link, hello in self._acquaintances.heard_lately(now_ms)
            if hello.may_found
            and hello.is_blank
            and hello.members == self.members
            and (self.members is None or address in self.members)
            and link.cluster_id in {None, self._identity.incarnation}
        ]

    def _hears_cluster(self, now_ms: int) -> bool:
        """Whether a cluster is heard, or a founding by another, that one may expect to be added to."""
        return any(
            link.cluster_id not in {None, self._identity.incarnation}
            for _, link, _ in self._acquaintances.heard_lately(now_ms)
        )

    def _silence_ms(self) -> int:
        return SILENCES * self._acquaintances.patience_ms + SLOWEST_HELLO_MS


def cluster_named_after(founder: ServerId) -> str:
    """Return the id of the cluster that `founder` founds: its incarnation, since it founds only once."""
    return founder.partition("@")[0]
