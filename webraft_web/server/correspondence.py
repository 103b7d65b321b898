"""What one server says and hears: payloads in and out, greetings and offers.

Everything that arrives is queued and handled later in the same or the next turn
of the event loop, so that servers of one process may deliver to each other
synchronously. Its own file because it is all about others; what the server
itself is and becomes is in `server`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from webraft_web.clock import Clock
from webraft_web.core.entry import ServerId, address_of
from webraft_web.core.errors import RemoteProtocolError, WebraftError
from webraft_web.core.message import AppendEntries, Heartbeat, InstallSnapshot, Message, Propose
from webraft_web.core.raft import Raft
from webraft_web.core.role import Role
from webraft_web.server import greeting
from webraft_web.server.aspiring import Aspiring, Succession
from webraft_web.server.findings import Findings
from webraft_web.server.founding import cluster_named_after
from webraft_web.server.leading import Leading
from webraft_web.server.leaving import Leaving
from webraft_web.server.server import Server
from webraft_web.wire import decode_message, encode_message

MAX_INBOX: Final = 10_000
"""Payloads waiting to be handled; more are dropped, as a network would."""
MAX_PAYLOAD_SIZE: Final = 128 * 1024
"""Characters after which the messages to one server are split into several payloads.

Few large ones, since a network that reorders them makes the leader send again."""
MAX_TURN_SIZE: Final = 32 * 1024
"""Characters of messages to handle before it is the event loop's turn…"""
PAYLOAD_OVERHEAD: Final = 128
"""… of which a payload counts for so many at least."""


class Correspondence:
    """The letters of one server.

    Args:
        clock: Where time comes from.
        write: Hands a payload to the transport.
        report: Tells the application what is wrong.
        changed: Called when role, term, leader or cluster may have changed.
        close_link: Called with an address that was left, once its link is needed no more.
        invited_to: The only cluster that may add this server while it has none, "" for any.
        refuse: Breaks with an address that sent what it must not; by default that is reported.
    """

    def __init__(
        self,
        clock: Clock,
        write: Callable[[str, Any], None],
        report: Callable[[WebraftError], None],
        changed: Callable[[], None],
        close_link: Callable[[str], None],
        *,
        invited_to: str = "",
        refuse: Callable[[str, RemoteProtocolError], None] | None = None,
    ) -> None:
        self.server: Server
        self._leading = Leading(clock, self._let_go)
        self._clock = clock
        self._write = write
        self._report = report
        self._changed = changed
        self._close_link = close_link
        self._invited_to = invited_to
        self._refuse = refuse or (lambda _, error: report(error))
        self._timer = clock.timer(self._work)
        self._inbox: deque[tuple[str, Any]] = deque()
        self._urgent: deque[tuple[str, Any]] = deque()
        """What is read before the rest: else it waits behind entries, and a live leader seems silent."""
        self._is_scheduled = False
        self._findings = Findings(report)
        self._last_seen: object = None
        self._has_founded = False
        self._wishes: list[Leaving | Aspiring] = []
        self._succession = Succession()

    # The links

    def joined(self, address: str) -> None:
        """Begin to talk to `address`."""
        self._leading.joined(address)
        self.server.acquaintances.joined(address, self._clock.now_ms())
        self.wake()

    def linked(self, address: str) -> None:
        """Talk to `address` over a new link: what was under way on an earlier one is lost."""
        self._unreachable(address)
        self.joined(address)

    def lost(self, address: str) -> None:
        """Know that the link to `address` is gone; it stays a member, and may come back."""
        self._unreachable(address)
        self.server.acquaintances.left(address)

    def _unreachable(self, address: str) -> None:
        raft = self.server.raft
        for server_id in [] if raft is None else raft.configuration.servers:
            if raft is not None and address_of(server_id) == address:
                raft.report_unreachable(server_id)

    def left(self, address: str) -> None:
        """Talk to `address` no more; on the leader, not before it is removed."""
        raft = self.server.raft
        if raft is None or self.server.role is not Role.LEADER:
            self._let_go(address)
        elif address in map(address_of, raft.configuration.servers):
            self._leading.left(address)
            self.wake()
        else:
            self._let_go(address)

    def _let_go(self, address: str, *, is_removed: bool = False) -> None:
        """End the link to `address`; if this leader removed it, with a word about that."""
        link = self.server.acquaintances.links.get(address)
        if is_removed and link is not None and link.hello is not None:
            self._tell_over(address, link.hello.server_id)
        self.server.acquaintances.left(address)
        self._close_link(address)

    def leave(self) -> Leaving:
        """Ask until this server is a member no more."""
        leaving = Leaving(self.server, self._post)
        self._wishes = [leaving]
        self.wake()
        return leaving

    def aspire(self) -> None:
        """Ask, whenever another server leads, to lead in its place."""
        self._wishes.append(Aspiring(self.server, self._post))
        self.wake()

    def got(self, address: object, payload: Any) -> None:
        """Queue what arrived from `address`, if that is linked."""
        if (
            isinstance(address, str)
            and address in self.server.acquaintances.links
            and self.server.over is None
            and len(self._inbox) + len(self._urgent) < MAX_INBOX
        ):
            inbox = self._urgent if greeting.is_urgent(payload) else self._inbox
            inbox.append((address, payload))
            self.wake()

    def close(self) -> None:
        """Fall silent."""
        self._inbox.clear()
        self._urgent.clear()
        self._timer.close()

    # Upwards from the server

    def send(self, messages: Sequence[Message]) -> None:
        """Write Raft's messages, those for one server together."""
        payloads: dict[ServerId, list[Any]] = {}
        sizes: dict[ServerId, int] = {}
        for message in messages:
            receiver = message.receiver
            size = _size(message)
            if receiver in payloads and sizes[receiver] + size > MAX_PAYLOAD_SIZE:
                self._post(address_of(receiver), greeting.RAFT, payloads.pop(receiver))
                sizes[receiver] = 0
            payloads.setdefault(receiver, []).append(encode_message(message))
            sizes[receiver] = sizes.get(receiver, 0) + size
        for receiver, encoded in payloads.items():
            self._post(address_of(receiver), greeting.RAFT, encoded)

    def report(self, error: WebraftError) -> None:
        self._report(error)

    def rejected(self, message: Message, error: RemoteProtocolError) -> None:
        self._refuse(address_of(message.sender), error)

    def changed(self) -> None:
        """Greet anew if there is news, and go on with duties that had to wait."""
        server = self.server
        seen = (server.identity, server.role, server.has_data, server.is_blank, server.over)
        if seen != self._last_seen:
            self._last_seen = seen
            self._leading.look_again()
            server.acquaintances.greet_all(self._clock.now_ms())
            self.wake()
        elif server.role is Role.LEADER:
            self._leading.do_duties(server)
        self._changed()

    # Work

    def wake(self) -> None:
        """Look at the deadlines again, soon."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self._clock.call_soon(self._work)

    def _work(self) -> None:
        """Handle what arrived, then do what is due."""
        self._is_scheduled = False
        if self.server.over is not None:
            self.close()
            return
        self._read_inbox()
        now_ms = self._clock.now_ms()
        self.server.tick(now_ms)
        if self.server.is_ready:
            self._decide(now_ms)
        if self.server.is_ready:
            self._campaign_as_founder()
            self._leading.do_duties(self.server)
            self._greet(now_ms)
            for wish in self._wishes:
                wish.pursue(now_ms)
        self._set_timer()

    def _read_inbox(self) -> None:
        """Handle what arrived, but only so much in one turn: meanwhile nobody else is answered."""
        messages: list[Message] = []
        size = 0
        while (self._inbox or self._urgent) and self.server.is_ready and size < MAX_TURN_SIZE:
            before = len(messages)
            address, payload = (self._urgent or self._inbox).popleft()
            try:
                self._handle(address, payload, messages)
            except RemoteProtocolError as error:
                self._refuse(address, error)
            size += PAYLOAD_OVERHEAD + sum(map(_size, messages[before:]))
        self.server.receive(messages)

    def _set_timer(self) -> None:
        server = self.server
        if server.over is not None:
            self.close()
            return
        deadlines = [server.deadline_ms]
        if server.is_ready:
            if self._inbox or self._urgent:
                deadlines.append(self._clock.now_ms())  # by timer: the event loop gets its turn before
            deadlines.append(server.acquaintances.deadline_ms(self._settled()))
            if server.founding is not None:
                deadlines.append(server.founding.deadline_ms)
            deadlines += [wish.due_ms for wish in self._wishes if not wish.is_done]
        self._timer.set(min((ms for ms in deadlines if ms is not None), default=None))

    def _decide(self, now_ms: int) -> None:
        """Take the next step towards a cluster."""
        server = self.server
        if server.founding is None:
            return
        decision = server.founding.decide(now_ms)
        for server_id in decision.offer_to:
            body = [server.server_id, server_id]
            self._post(address_of(server_id), greeting.OFFER, body, cluster_named_after(server.server_id))
        if decision.start_afresh:
            server.start_afresh(may_found=True)
        elif decision.found_with:
            self._has_founded = True
            server.found(cluster_named_after(server.server_id), decision.found_with)

    def _campaign_as_founder(self) -> None:
        """Once the founding is durable, tell the other voters and stand for election."""
        server = self.server
        if not self._has_founded or server.driver is None:
            return
        self._has_founded = False
        for voter in server.driver.raft.configuration.voters:
            if voter != server.server_id:
                self._tell_founding(voter)
        server.campaign_first()

    def _tell_founding(self, server_id: ServerId) -> None:
        """Send a blank server the configuration that the cluster was founded with, if it was in it."""
        raft = self.server.raft
        if raft is None or raft.log.first_index > 1 or not raft.log.last_index:
            return
        voters = raft.log.configuration_at(1).voters
        if server_id in voters:
            self._post(address_of(server_id), greeting.FOUND, list(voters))

    # What arrives

    def _handle(self, address: str, payload: Any, messages: list[Message]) -> None:
        """Handle one payload; Raft's messages are collected in `messages`."""
        if address not in self.server.acquaintances.links:
            return  # left since it arrived
        cluster_id, kind, body = greeting.open_payload(payload)
        if kind == greeting.RAFT:
            self._got_messages(address, cluster_id, payload, messages)
        elif kind == greeting.HELLO:
            self._got_hello(address, cluster_id, greeting.read_hello(body))
        elif kind == greeting.OFFER:
            self._got_offer(address, *greeting.read_ids(body, 2))
        elif kind == greeting.ACCEPT:
            (acceptor,) = greeting.read_ids(body, 1)
            greeting.check_sender(acceptor, address)
            if self.server.founding is not None and cluster_id == self.server.identity.incarnation:
                self.server.founding.accepted(acceptor)
        elif kind == greeting.FOUND:
            self._got_found(cluster_id, greeting.read_ids(body))
        elif kind in {greeting.LEAVE, greeting.LEAD}:
            (sender,) = greeting.read_ids(body, 1)
            greeting.check_sender(sender, address)
            if cluster_id == self._cluster_id and self.server.role is Role.LEADER:
                if kind == greeting.LEAVE:
                    self.left(address)
                elif not self._wishes:
                    self._succession.hand_over(self.server, sender, self._clock.now_ms())
        else:
            self._got_over(cluster_id, greeting.read_over(body))

    def _got_messages(
        self, address: str, cluster_id: str | None, payload: list[Any], messages: list[Message]
    ) -> None:
        server = self.server
        if cluster_id is None:
            raise RemoteProtocolError(f"{address!r} sent Raft's messages without a cluster id")
        decoded = [decode_message(encoded) for encoded in payload[-1]]
        for message in decoded:
            greeting.check_sender(message.sender, address)
        mine = [message for message in decoded if message.receiver == server.server_id]
        if self._cluster_id is None and self._may_be_added_by(address, cluster_id, mine):
            self._inbox.appendleft((address, payload))  # to be handled as a member
            server.join_cluster(cluster_id)
            return
        if cluster_id != self._cluster_id or len(mine) < len(decoded):
            self._say_hello(address, wants_answer=True)
            return
        if server.founding is not None:
            server.founding.sign_of_cluster(self._clock.now_ms())
        heard = [message for message in mine if not server.is_retired(message.sender)]
        if len(heard) < len(mine):
            self._tell_those_who_are_over(address, cluster_id, {message.sender for message in mine})
        messages.extend(heard)

    def _may_be_added_by(self, address: str, cluster_id: str, messages: list[Message]) -> bool:
        """Whether these messages, to a server without a cluster, come from a leader that may add it."""
        members = self.server.founding.members if self.server.founding is not None else None
        is_wanted = (members is None or address in members) and self._invited_to in {"", cluster_id}
        return is_wanted and any(
            isinstance(message, AppendEntries | Heartbeat | InstallSnapshot) for message in messages
        )

    def _got_hello(self, address: str, cluster_id: str | None, hello: greeting.Hello) -> None:
        greeting.check_sender(hello.server_id, address)
        server = self.server
        self._findings.look_for_lost_state(server, address, hello)
        server.acquaintances.heard(address, cluster_id, hello, self._clock.now_ms())
        self._leading.look_again()
        if cluster_id is not None:
            self._tell_those_who_are_over(address, cluster_id, {hello.server_id})
        if hello.wants_answer:
            self._say_hello(address, wants_answer=False)
        if cluster_id is not None and cluster_id == self._cluster_id:
            if hello.is_blank:
                self._tell_founding(hello.server_id)
            else:
                server.campaign_first()  # it may have been asked for its vote before it was told
        self._findings.look_for_conflict(server, address, cluster_id, hello)
        self._findings.look_for_other_members(server, address, hello)

    def _got_offer(self, address: str, founder: ServerId, receiver: ServerId) -> None:
        greeting.check_sender(founder, address)
        server = self.server
        if receiver != server.server_id or server.founding is None:
            self._say_hello(address, wants_answer=True)
            return
        if not server.founding.accepts(founder, self._clock.now_ms()):
            return
        cluster_id = cluster_named_after(founder)
        if self._cluster_id is None:
            # Comes back here when that is durable, or when the founder asks again.
            self._inbox.appendleft((address, greeting.seal(cluster_id, greeting.OFFER, [founder, receiver])))
            server.join_cluster(cluster_id)
        else:
            self._post(address, greeting.ACCEPT, [server.server_id])

    def _got_found(self, cluster_id: str | None, voters: list[ServerId]) -> None:
        server = self.server
        if server.founding is None or cluster_id is None or cluster_id != self._cluster_id:
            return
        if server.server_id in voters and cluster_id in map(cluster_named_after, voters):
            server.found(cluster_id, voters)

    def _got_over(self, cluster_id: str | None, over: greeting.Over) -> None:
        server = self.server
        if over.server_id != server.server_id or cluster_id != self._cluster_id:
            return
        if server.raft is None or not _was_added_since(server.raft, over):
            server.start_afresh(may_found=False)

    # What is said

    @property
    def _cluster_id(self) -> str | None:
        return self.server.identity.cluster_id

    def _greet(self, now_ms: int) -> None:
        server = self.server
        is_patient = server.founding is None or not server.identity.may_found
        for address in server.acquaintances.due(self._settled(), now_ms, patient=is_patient):
            self._say_hello(address, wants_answer=True)

    def _say_hello(self, address: str, *, wants_answer: bool) -> None:
        server = self.server
        hello = greeting.Hello(
            server.server_id,
            server.is_blank,
            server.identity.may_found,
            server.has_data,
            server.role is Role.LEADER,
            server.founding.members if server.founding is not None else None,
            wants_answer,
        )
        if server.acquaintances.is_news(address, (self._cluster_id, hello), self._clock.now_ms()):
            self._write(address, greeting.seal_hello(self._cluster_id, hello))

    def _post(self, address: str, kind: str, body: list[Any], cluster_id: str | None = None) -> None:
        if address in self.server.acquaintances.links:
            self._write(address, greeting.seal(cluster_id or self._cluster_id, kind, body))

    def _settled(self) -> list[str]:
        """Return the addresses that need no greeting: both ends are members, and were told so."""
        server = self.server
        if server.driver is None or server.is_blank or server.is_dissolving:
            return []
        members = server.driver.raft.configuration.servers
        if server.server_id not in members:
            return []
        return [
            address
            for address, link in server.acquaintances.links.items()
            if link.hello is not None
            and link.cluster_id == self._cluster_id
            and link.hello.server_id in members
            and link.last_said is not None
            and link.last_said[0] == self._cluster_id
            and link.last_said[1][:2] == (server.server_id, False)
        ]

    def _tell_those_who_are_over(self, address: str, cluster_id: str, senders: set[ServerId]) -> None:
        """Tell servers that do not know it yet that they were removed, or that their cluster has yielded."""
        server = self.server
        for sender in senders:
            is_removed = cluster_id == self._cluster_id and server.is_retired(sender)
            is_dissolved = cluster_id in server.identity.dissolved and cluster_id != self._cluster_id
            if is_removed:
                self._tell_over(address, sender)
            elif is_dissolved:
                self._post(address, greeting.OVER, [*greeting.Over(sender)], cluster_id)

    def _tell_over(self, address: str, server_id: ServerId) -> None:
        """Tell a server that it was removed, by what is known here."""
        raft = self.server.raft
        if raft is not None:
            over = greeting.Over(server_id, raft.current_term, raft.log.last_index)
            self._post(address, greeting.OVER, [*over])


def _was_added_since(raft: Raft, over: greeting.Over) -> bool:
    """Whether this server became a member again after somebody wrote that it is none, long ago.

    A later configuration alone does not say so: a leader that was deposed may have left one.
    """
    log = raft.log
    index = log.configuration_index
    term = log.term_at(index) or log.snapshot.last_term
    return raft.server_id in log.configuration.servers and index > over.last_index and term >= over.term


def _size(message: Message) -> int:
    if isinstance(message, AppendEntries):
        return sum([entry.size for entry in message.entries])
    if isinstance(message, InstallSnapshot):
        return len(message.data or "")
    if isinstance(message, Propose):
        return sum([len(command) for command in message.commands])
    return 0
