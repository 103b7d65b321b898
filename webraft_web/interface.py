"""webraft's API: one Raft server behind events, for applications that bring their own transport.

This file is what applications see, and the translation of the core's state into
webraft's words. How the server lives, whom it talks to and how commands reach
handlers is in the package `server`.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Iterable
from copy import copy
from functools import partial
from types import TracebackType
from typing import Any, Final, Self

from webraft_web._browser import default_clock
from webraft_web.clock import Clock
from webraft_web.core.entry import Committed, EntryKind, address_of
from webraft_web.core.errors import (
    BadArgumentError,
    ConfigError,
    LocalProtocolError,
    NotLeaderError,
    WebraftError,
)
from webraft_web.core.role import Role
from webraft_web.emitter import Emitter
from webraft_web.json_text import to_json_text
from webraft_web.node_instance import NodeInstance
from webraft_web.server.application import Application
from webraft_web.server.correspondence import Correspondence
from webraft_web.server.links import Links
from webraft_web.server.own_time import OwnTime
from webraft_web.server.server import Server
from webraft_web.server.timeouts import OverridableTimeouts
from webraft_web.server.transfer import Transfer
from webraft_web.storage.base import Storage
from webraft_web.storage.memory import MemoryStorage
from webraft_web.wire import MAX_ID_LENGTH, MAX_SERVERS

STATES: Final = {
    Role.LEADER: "leader",
    Role.CANDIDATE: "candidate",
    Role.PRE_CANDIDATE: "candidate",
    Role.FOLLOWER: "follower",
}
_CAMPAIGNING: Final = frozenset((Role.PRE_CANDIDATE, Role.CANDIDATE))
MAX_ADDRESS_LENGTH: Final = MAX_ID_LENGTH - 32
MAX_COMMAND_SIZE: Final = 16 * 1024 * 1024
"""Characters of JSON in one command: a message carries it still, with all that has to be escaped in it."""


class RaftInterface(Emitter):
    """One server of a Raft cluster. Subclasses implement `create_instance`.

    It belongs to the event loop that runs while it is constructed, and begins to
    work in that loop's next turn, so that joins and listeners may follow first.

    Args:
        address: Where others reach this server; None for a random one.
        members: The addresses of a fixed cluster, this one included; None founds with whoever is there.
        storage: What keeps its state, a `storage.base.Storage`; None keeps it in memory.
        clock: Where time comes from; None for the page's or the event loop's.

    Raises:
        ConfigError: If options or timeouts contradict each other.
        LocalProtocolError: If no event loop is running.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        members: Iterable[str] | None = None,
        storage: Storage | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__()
        if address is not None:
            _check_address(address)
        if storage is not None and not all(hasattr(storage, name) for name in ("load", "persist", "close")):
            raise ConfigError(
                f"storage is an object that loads and persists a server's state, or None, not {storage!r:.80}"
            )
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError as error:
            raise LocalProtocolError(
                f"{type(self).__name__} needs a running event loop: construct it inside a coroutine, "
                "as in asyncio.run(main())"
            ) from error
        self._last_role = Role.FOLLOWER
        self._last_term = 0
        self._transfers: set[Transfer] = set()
        self._is_closed = False
        self._links = Links(self.create_instance, self._listeners, self._report)
        self._timeouts = timeouts = OverridableTimeouts(self, self._report)
        try:
            timeouts.check()
        except ConfigError:
            raise
        except Exception:  # noqa: BLE001, S110 - a property that needs what the subclass has not set yet: read later
            pass
        real_time = default_clock(self._loop) if clock is None else clock
        own_time = OwnTime(real_time, timeouts.heartbeat_interval_ms, on_stall=self._show_life)
        member_list = None if members is None else _member_list(members, address)
        self._correspondence = Correspondence(
            own_time, self._links.write, self._report, self._on_changed, self._links.close
        )
        application = Application(self._listeners, own_time)
        self._server = Server(
            address,
            member_list,
            MemoryStorage() if storage is None else storage,
            own_time,
            timeouts,
            application,
            self._correspondence,
        )
        self._correspondence.server = self._server
        self._listeners.on_changed = application.listeners_changed
        own_time.call_soon(lambda: self._start(member_list or []))

    def _start(self, members: Iterable[str]) -> None:
        if self._server.over is not None:
            return
        for member in members:
            if member not in self._links.joined:
                self._join_member(member)
        self._server.start()

    def _join_member(self, member: str) -> None:
        """Join, when there is no caller to raise to."""
        try:
            self.join(member)
        except WebraftError as error:
            self._report(error)
        except Exception as error:  # noqa: BLE001 - the application's code may raise anything
            failure = ConfigError(f"create_instance({member!r}) failed: {error!r}; there is no link to it")
            failure.__cause__ = error
            self._report(failure)

    # To be implemented, or overridden

    def create_instance(self, address: str) -> NodeInstance:
        """Return the node through which the server at `address` is reached."""
        raise NotImplementedError(f"{type(self).__name__} must implement create_instance({address!r})")

    @property
    def election_timeout(self) -> float:
        """How long a candidate waits for votes before trying again, in milliseconds; read anew each time."""
        return random.randint(150, 300)  # noqa: S311 - it only has to differ between servers

    @property
    def heartbeat_frequency(self) -> float:
        """How often a leader sends heartbeats: its period, in milliseconds; read anew each time."""
        return 100

    @property
    def heartbeat_timeout(self) -> float:
        """How long a follower waits for its leader, in milliseconds; read anew each time."""
        return random.randint(200, 250)  # noqa: S311 - it only has to differ between servers

    @property
    def message_timeout(self) -> float:
        """How long `propose` waits for a leader, and for its answer, in milliseconds."""
        return 3000

    # Others

    def join(self, address: str) -> None:
        """Open a link to the server at `address`; the leader also makes it a member.

        Nothing happens, and nothing is emitted, for this server's own address: a
        loop over all addresses need not leave it out.

        Raises:
            BadArgumentError: If `address` is no short text.
            ConfigError: If `create_instance` did not return a node.
        """
        _check_address(address)
        self._server.refuse_if_over()
        if address == self.address:
            return
        self._links.join(address)
        self._correspondence.joined(address)
        self.emit("join", address)

    def leave(self, address: str) -> None:
        """Close the link to the server at `address`; the leader also removes it from the cluster.

        The leader needs the link until that is committed: its node is closed then,
        or when this server leads no more; it is gone from `nodes` at once. Nothing
        happens for this server's own address.
        """
        _check_address(address)
        self._server.refuse_if_over()
        if address == self.address:
            return
        self._links.leave(address)
        self._correspondence.left(address)
        self.emit("leave", address)

    def got_data(self, from_address: str, payload: Any) -> None:
        """Take in what the server at `from_address` wrote; it is handled soon after this has returned."""
        self._correspondence.got(from_address, payload)

    # Commands

    async def propose(self, command: Any) -> Committed:
        """Have `command`, any JSON value, appended to the log of every server, and applied here.

        Raises:
            BadArgumentError: JSON cannot carry it, or it is longer than `MAX_COMMAND_SIZE`.
            NotLeaderError: No leader was found within `message_timeout`; it was not appended.
            OutcomeUnknownError: It may or may not be committed.
            OverloadedError: Too many bytes wait to be committed; it was not appended.
        """
        text = to_json_text(command)
        if len(text) > MAX_COMMAND_SIZE:
            raise BadArgumentError(
                f"the command has {len(text)} characters as JSON, more than {MAX_COMMAND_SIZE}; split it up"
            )
        future: asyncio.Future[Committed] = self._loop.create_future()
        settled = partial(_settle, future)
        self._server.propose(text, EntryKind.COMMAND, settled, self._answer_timeout_ms())
        return await future

    async def yield_to(self, cluster_id: str) -> None:
        """Give up this cluster and all its data, so that its servers may be added to another.

        Returns once this server has started afresh. Its handlers will then be
        offered the other cluster's commands, from the first one on.

        Raises:
            BadArgumentError: No server of such a cluster has been heard.
            NotLeaderError, OutcomeUnknownError: As for `propose`.
        """
        self._server.refuse_if_over()
        others = self._server.other_clusters()
        if cluster_id not in others:
            raise BadArgumentError(
                f"cannot yield to {cluster_id!r}; the other clusters heard are {others or 'none'}"
            )
        future: asyncio.Future[None] = self._loop.create_future()
        self._server.yield_cluster(cluster_id, partial(_settle, future), self._answer_timeout_ms())
        await future

    async def transfer_leadership(self, address: str | None = None) -> None:
        """On the leader, hand the office over; returns once the other server leads (§3.10).

        Args:
            address: Who is to lead; None for the voter whose log is nearest to this one's.

        Raises:
            NotLeaderError: This server does not lead.
            BadArgumentError: `address` is no voter's.
            OutcomeUnknownError: The other did not take over in time; it may yet.
        """
        self._server.refuse_if_over()
        driver = self._server.driver
        if driver is None or not self.is_leader:
            raise NotLeaderError("only the leader can hand over its office", self.leader_id)
        transfer = Transfer(driver, address, self._loop.create_future())
        self._transfers.add(transfer)
        try:
            timeouts = self._timeouts
            await transfer.complete(2 * (timeouts.heartbeat_timeout_ms() + timeouts.election_timeout_ms()))
        finally:
            self._transfers.discard(transfer)

    def _answer_timeout_ms(self) -> int:
        """How long to wait for an answer: as the leader's node says, if there is one."""
        return self._timeouts.message_timeout_ms(self._links.joined.get(self.leader_id or "") or self)

    # What is known

    @property
    def address(self) -> str:
        """This server's address."""
        return self._server.identity.address

    @property
    def cluster_id(self) -> str | None:
        """The cluster that this server belongs to, None before there is one."""
        return self._server.identity.cluster_id

    @property
    def nodes(self) -> dict[str, NodeInstance]:
        """The links, by address; a copy."""
        return dict(self._links.joined)

    @property
    def members(self) -> dict[str, str]:
        """The cluster's members as this server knows them: address → "voter" or "non_voting"."""
        raft = self._server.raft
        if raft is None:
            return {}
        return {
            **{address_of(server_id): "voter" for server_id in raft.configuration.voters},
            **{address_of(server_id): "non_voting" for server_id in raft.configuration.non_voting},
        }

    @property
    def is_leader(self) -> bool:
        """Whether this server leads, as far as it knows."""
        return self.state == "leader"

    @property
    def state(self) -> str:
        """`leader`, `candidate` or `follower`."""
        return STATES[self._server.role]

    @property
    def leader_id(self) -> str | None:
        """The leader's address, None if there is none or it is not known."""
        leader_id = self._server.leader_id
        return None if leader_id is None else address_of(leader_id)

    @property
    def current_term(self) -> int:
        """The latest term that this server has seen."""
        raft = self._server.raft
        return 0 if raft is None else raft.current_term

    @property
    def commit_index(self) -> int:
        """The index of the last entry known to be committed, 0 for none."""
        raft = self._server.raft
        return 0 if raft is None else raft.commit_index

    @property
    def last_applied(self) -> int:
        """The index of the last entry that is applied here, 0 for none."""
        return self._server.last_applied

    def term_of(self, index: int) -> int | None:
        """Return the term of the entry at `index` of this server's log, None if it holds none."""
        raft = self._server.raft
        return None if raft is None else raft.log.term_at(index)

    # The end

    def close(self) -> Awaitable[None]:
        """Stop this server like a crash would: no farewell, no hand-over. May be awaited, or not.

        Commands that are still pending raise OutcomeUnknownError.
        """
        if not self._is_closed:
            self._is_closed = True
            self._correspondence.close()
            self._server.close()
            for transfer in self._transfers:
                transfer.give_up()
            self._links.close_all()
        handlers = [] if self._loop.is_closed() else self._listeners.cancel()
        if handlers:
            return self._loop.create_task(_ended(handlers))
        ended: asyncio.Future[None] = self._loop.create_future()
        ended.set_result(None)
        return ended

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.address!r} {self.state}, term {self.current_term}>"

    # From the server below

    def _report(self, error: WebraftError) -> None:
        self.emit("error", error)

    def _show_life(self) -> None:
        self._server.show_life()

    def _on_changed(self) -> None:
        """Emit what has happened to the role since the last time."""
        for transfer in self._transfers:
            transfer.look()
        role, term, before = self._server.role, self.current_term, self._last_role
        is_same_campaign = role is Role.CANDIDATE and (
            before is Role.PRE_CANDIDATE or (before is Role.CANDIDATE and term == self._last_term)
        )
        self._last_role, self._last_term = role, term
        if STATES[role] != STATES[before]:
            was_told_to = self._server.take_told_to_campaign()
            if before is Role.FOLLOWER and not was_told_to:
                self.emit("heartbeat timeout")
        if role is not before and role in _CAMPAIGNING and not is_same_campaign:
            self.emit("start election")
        if role is Role.LEADER and before is Role.FOLLOWER:
            self.emit("start election")
            self._emit_state("candidate")  # it was, if only for a moment
        if STATES[role] != STATES[before]:
            self._emit_state(STATES[role])

    def _emit_state(self, state: str) -> None:
        self.emit("state changed", state)
        self.emit(state)


def _settle(future: asyncio.Future[Any], outcome: object) -> None:
    """Hand an outcome to whoever waits, unless that was cancelled."""
    if future.done():
        return
    if isinstance(outcome, WebraftError):
        future.set_exception(copy(outcome))  # one may be the outcome of many, and a traceback is one waiter's
    else:
        future.set_result(outcome)


async def _ended(tasks: list[asyncio.Future[Any]]) -> None:
    """Wait until cancelled handlers have ended."""
    await asyncio.gather(*tasks, return_exceptions=True)


def _check_address(address: object) -> None:
    if not _is_address(address):
        raise BadArgumentError(
            f"an address is a text of 1 to {MAX_ADDRESS_LENGTH} characters, got {str(address)[:40]!r}"
        )


def _is_address(address: object) -> bool:
    return isinstance(address, str) and 0 < len(address) <= MAX_ADDRESS_LENGTH


def _member_list(members: Iterable[str], address: str | None) -> list[str]:
    """Return the members without repetition, as given by someone who is one of them."""
    if isinstance(members, str | bytes) or not isinstance(members, Iterable):
        raise ConfigError(f"members must be a list of addresses, got {repr(members)[:80]}")
    result = list(members)
    for member in result:
        if not _is_address(member):
            raise ConfigError(f"members must be a list of addresses, but {repr(member)[:80]} is none")
    if address is None or address not in result:
        raise ConfigError(f"members must include this server's own address {address!r}, got {result}")
    result = list(dict.fromkeys(result))
    if len(result) > MAX_SERVERS:
        raise ConfigError(f"a cluster has at most {MAX_SERVERS} members, got {len(result)}")
    return result
