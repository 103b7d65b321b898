"""Carries a scenario's commands out on its servers, and prints what etcd's environment would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.scenarios.datadriven import Directive, ScenarioError
from tests.scenarios.describe import (
    MESSAGE_NAMES,
    describe_entries,
    describe_message,
    describe_progress,
    describe_soft_state,
    number_of,
    server_id,
)
from tests.scenarios.node import ELECTION_TICKS, HEARTBEAT_TICKS, Node
from webraft_web.core.entry import Configuration, ServerId, Snapshot
from webraft_web.core.errors import WebraftError
from webraft_web.core.message import InstallSnapshot, Message

_MAX_ROUNDS = 1000
LEVELS = ("debug", "info", "warn", "error", "fatal", "none")
_FLAGS = {"prevote": "pre_vote", "checkquorum": "check_quorum", "inflight": "max_inflight_messages"}
_TRUTHS = {"true": 1, "false": 0}
_PLAIN = ("voters", "learners", "index", "content", "read-only")
_BEYOND_THIS_CORE = {
    "async-storage-writes": "batches are persisted one at a time",
    "disable-conf-change-validation": "membership differs by design",
    "max-committed-size-per-ready": "sizes are counted in characters",
    "step-down-on-removal": "membership differs by design",
}


class UnsupportedError(Exception):
    """A scenario asks for what this core does not have; says what."""


class Environment:
    """Servers and the messages between them, with a screen that `log-level none` turns off."""

    def __init__(self) -> None:
        self.nodes: dict[ServerId, Node] = {}
        self.messages: list[Message] = []
        self._changes: dict[tuple[int, int], str] = {}
        self._level = "debug"
        self._lines: list[str] = []
        self._indent = ""
        self._commands: dict[str, Callable[[Directive], str | None]] = {
            "_breakpoint": lambda _directive: "",
            "add-nodes": self._add_nodes,
            "campaign": lambda one: self._node(one).raft.campaign(),
            "compact": self._compact,
            "deliver-msgs": self._deliver_messages,
            "forget-leader": lambda one: self._node(one).forget_leader(),
            "log-level": lambda one: self._set_level(_first(one)),
            "process-ready": self._process_ready,
            "propose": self._propose,
            "propose-conf-change": self._propose_change,
            "raft-log": lambda one: self._print_log(self._node(one)),
            "raft-state": self._print_states,
            "report-unreachable": self._report_unreachable,
            "send-snapshot": self._send_snapshot,
            "set-randomized-election-timeout": self._set_election_timeout,
            "stabilize": self._stabilize,
            "status": self._print_status,
            "tick-election": lambda one: self._node(one).tick(ELECTION_TICKS),
            "tick-heartbeat": lambda one: self._node(one).tick(HEARTBEAT_TICKS),
            "transfer-leadership": self._transfer_leadership,
        }

    @property
    def is_quiet(self) -> bool:
        return self._level == "none"

    @property
    def change_under_way(self) -> str:
        """The newest change of the membership until every server has applied it, then "".

        Until then etcd's servers, which act on it once they apply it, do other things
        than this core's, which act on it once they append it; from then on they do not.
        """
        rafts = [node.raft for node in self.nodes.values()]
        members = {server for raft in rafts for server in raft.configuration.servers}
        configurations = {
            configuration
            for raft in rafts
            if raft.server_id in members
            for configuration in (raft.configuration, raft.log.configuration_at(raft.last_applied))
        }
        if not self._changes or len(configurations) == 1:
            return ""
        term, index = max(self._changes)
        return f"{self._changes[term, index]} at {term}/{index}"

    def handle(self, directive: Directive) -> str:
        """Carry a command out; return what it prints.

        Raises:
            ScenarioError: The command makes no sense.
            UnsupportedError: This core does not have what it asks for.
        """
        command = self._commands.get(directive.name)
        if command is None:
            raise ScenarioError(f"unknown command {directive.name!r}")
        self._lines = []
        error = command(directive) or ""
        if error:  # errors are printed whatever the level
            self._lines.append(error)
        return "\n".join(self._lines) or "ok"

    def _print(self, text: str) -> None:
        if not self.is_quiet:
            self._lines += [self._indent + line for line in text.splitlines()]

    @contextmanager
    def _under(self, heading: str) -> Iterator[None]:
        self._print(heading)
        self._indent = "  "
        yield
        self._indent = ""

    # Servers

    def _node(self, directive: Directive, position: int = 0) -> Node:
        words = directive.words
        if position >= len(words):
            raise ScenarioError(f"{directive.name} names no server")
        return self._numbered(words[position])

    def _numbered(self, word: str) -> Node:
        node = self.nodes.get(server_id(_number(word)))
        if node is None:
            raise ScenarioError(f"there is no server {word}; there are {len(self.nodes)}")
        return node

    def _named(self, directive: Directive) -> list[Node]:
        """Return the servers that a command names, all there are if it names none."""
        return [self._numbered(word) for word in directive.words] or list(self.nodes.values())

    def _add_nodes(self, directive: Directive) -> str:
        options: dict[str, int] = {}
        for argument in directive.arguments[1:]:
            value = ",".join(argument.values)
            if argument.key in _FLAGS:
                options[_FLAGS[argument.key]] = _TRUTHS[value] if value in _TRUTHS else _number(value)
            elif argument.key not in _PLAIN and value != "false":
                reason = _BEYOND_THIS_CORE.get(argument.key, "no such option is known here")
                raise UnsupportedError(f"{argument.key}, {reason}")
        voters = tuple(server_id(_number(word)) for word in directive.values("voters"))
        learners = tuple(server_id(_number(word)) for word in directive.values("learners"))
        index = _number("".join(directive.values("index")) or "0")
        content = "".join(directive.values("content"))
        snapshot = None
        if voters or learners or index or content:
            if index <= 1:
                return "index must be specified as > 1 due to bootstrap"
            snapshot = Snapshot(index, 1, Configuration(voters, learners), content)
        is_lease_based = directive.values("read-only") == ["lease-based"]
        for _ in range(_number(_first(directive))):
            server = server_id(len(self.nodes) + 1)
            node = Node(server, snapshot, self._changes, is_lease_based=is_lease_based, **options)
            self.nodes[server] = node
        return ""

    def _print_states(self, _directive: Directive) -> None:
        for node in self.nodes.values():
            raft = node.raft
            is_voter = node.server_id in raft.configuration.voters
            lead, state = describe_soft_state(raft.leader_id, raft.role).split()
            self._print(
                f"{number_of(node.server_id)}: {state.removeprefix('State:')} "
                f"({'Voter' if is_voter else 'Non-Voter'}) Term:{raft.current_term} {lead}"
            )

    def _print_status(self, directive: Directive) -> None:
        raft = self._node(directive).raft
        progress = raft.leadership.progress if raft.leadership else {}
        for server in sorted(progress):
            described = describe_progress(
                progress[server],
                is_learner=server in raft.configuration.non_voting,
                is_self=server == raft.server_id,
            )
            self._print(f"{number_of(server)}: {described}")

    def _print_log(self, node: Node) -> None:
        if node.stored:
            self._print(describe_entries(node.stored, self._changes))
        else:
            self._print(f"log is empty: first index={node.base_index + 1}, last index={node.base_index}")

    def _compact(self, directive: Directive) -> str:
        node = self._node(directive)
        error = node.compact(_number(_second(directive)))
        if not error:
            self._print_log(node)
        return error

    # Messages and batches

    def _process_ready(self, directive: Directive) -> None:
        nodes = [self._numbered(word) for word in directive.words]
        for node in nodes:
            if len(nodes) > 1:
                self._process_one(node)
            else:
                self._process(node)

    def _process_one(self, node: Node) -> None:
        with self._under(f"> {number_of(node.server_id)} handling Ready"):
            self._process(node)

    def _process(self, node: Node) -> None:
        described, messages = node.process_ready()
        self._print(described)
        self.messages += messages

    def _deliver_messages(self, directive: Directive) -> None:
        kinds = directive.values("type")
        kind = kinds[-1] if kinds else ""
        if kind and kind not in MESSAGE_NAMES.values():
            raise ScenarioError(f"unknown message type {kind}")
        count = 0
        for argument in directive.arguments:
            if not argument.values:
                count += self._deliver(server_id(_number(argument.key)), kind)
            elif argument.key == "drop":
                for word in argument.values:
                    count += self._deliver(server_id(_number(word)), kind, is_dropped=True)
        if not count:
            self._print("no messages")

    def _deliver(self, receiver: ServerId, kind: str = "", *, is_dropped: bool = False) -> int:
        """Deliver what is under way to one server, or lose it; return how many messages that were."""
        chosen = [
            message
            for message in self.messages
            if message.receiver == receiver and (not kind or MESSAGE_NAMES[type(message)] == kind)
        ]
        self.messages = [message for message in self.messages if not any(message is one for one in chosen)]
        for message in chosen:
            self._print(("dropped: " if is_dropped else "") + describe_message(message, self._changes))
            if not is_dropped:
                error = self._numbered(receiver).step(message)
                if error:
                    self._print(error)
        return len(chosen)

    def _stabilize(self, directive: Directive) -> str:
        before = self._level
        for level in directive.values("log-level"):
            error = self._set_level(level)
            if error:
                return error
        nodes = self._named(directive)
        for _ in range(_MAX_ROUNDS):
            if not self._move(nodes):
                break
        else:
            raise ScenarioError(f"servers still talk after {_MAX_ROUNDS} rounds")
        self._level = before
        return ""

    def _move(self, nodes: list[Node]) -> bool:
        """Process every batch and deliver every message there is now; return whether there were any."""
        has_moved = False
        for node in nodes:
            if node.has_ready():
                self._process_one(node)
                has_moved = True
        for node in nodes:
            receiver = node.server_id
            if any(message.receiver == receiver for message in self.messages):
                with self._under(f"> {number_of(receiver)} receiving messages"):
                    self._deliver(receiver)
                has_moved = True
        return has_moved

    def _send_snapshot(self, directive: Directive) -> None:
        sender, receiver = self._node(directive), server_id(_number(_second(directive)))
        newest = sender.newest_snapshot()
        message = InstallSnapshot(
            sender.server_id,
            receiver,
            sender.raft.current_term,
            newest.last_index,
            newest.last_term,
            newest.configuration,
            newest.first_command_index,
            0,
            newest.data,
            True,
        )
        self.messages.append(message)
        self._print(describe_message(message, self._changes))

    # What is asked of a server

    def _propose(self, directive: Directive) -> str:
        return self._node(directive).propose(_second(directive))

    def _propose_change(self, directive: Directive) -> str:
        """Propose a change of one member; etcd's joint changes of several do not exist here."""
        raft = self._node(directive).raft
        words = directive.input.split()
        if len(words) != 1 or words[0][:1] not in {"v", "l", "r"} or directive.values("transition"):
            raise UnsupportedError("joint changes of the membership: one server at a time, by design")
        server = server_id(_number(words[0][1:]))
        before = raft.configuration
        voters = set(before.voters) - {server}
        learners = set(before.non_voting) - {server}
        if words[0][0] != "r":
            (voters if words[0][0] == "v" else learners).add(server)
        kind = "EntryConfChange" if directive.values("v1") == ["true"] else "EntryConfChangeV2"
        if raft.leadership is None or not raft.leadership.can_change_configuration:
            raise UnsupportedError(
                "a change of the membership while another is under way, or not on a leader"
            )
        self._changes[raft.current_term, raft.log.last_index + 1] = f"{kind} {words[0]}"
        try:
            raft.leadership.change_configuration(Configuration(tuple(voters), tuple(learners)))
        except WebraftError as error:
            return str(error)
        return ""

    def _report_unreachable(self, directive: Directive) -> None:
        self._node(directive).raft.report_unreachable(server_id(_number(_second(directive))))

    def _set_election_timeout(self, directive: Directive) -> None:
        ticks = _number("".join(directive.values("timeout")))
        self._node(directive).set_election_ticks(ticks)

    def _transfer_leadership(self, directive: Directive) -> None:
        sender = self._numbered("".join(directive.values("from")))
        if not sender.raft.is_leader and sender.raft.leader_id is not None:
            raise UnsupportedError("a transfer of leadership asked of a follower")
        sender.transfer_leadership(server_id(_number("".join(directive.values("to")))))

    def _set_level(self, level: str) -> str:
        if level.lower() not in LEVELS:
            return f"log levels must be either of [{' '.join(LEVELS).upper()}]"
        self._level = level.lower()
        return ""


def _first(directive: Directive) -> str:
    return _word_at(directive, 0)


def _second(directive: Directive) -> str:
    return _word_at(directive, 1)


def _word_at(directive: Directive, position: int) -> str:
    if position >= len(directive.words):
        raise ScenarioError(f"{directive.name} wants {position + 1} arguments or more")
    return directive.words[position]


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit()):
        raise ScenarioError(f"expected a number, got {word!r}")
    return int(word)
