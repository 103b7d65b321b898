"""Clients of the shared document: they write, compare and read, ask again, and record what they saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.histories.recorder import Call
from tests.simulator.properties import require
from webraft_web.core.entry import Committed, EntryKind
from webraft_web.core.errors import NotLeaderError, OverloadedError, WebraftError
from webraft_web.document.commands import open_command, patch_body, session_command, update_body

if TYPE_CHECKING:
    from tests.simulator.site import Runner
    from tests.simulator.site_cluster import SiteCluster

REGISTERS = ("r0", "r1", "r2")
LISTS = ("l0", "l1")
FIRST_DOCUMENT: dict[str, Any] = {key: [] for key in LISTS}

CERTAIN = (NotLeaderError, OverloadedError)
"""Errors that mean: certainly not appended."""


class Client:
    """One client, with a session in the log and one operation under way (§6.3).

    It follows no server: each attempt goes to any that runs, zombies included,
    under the same number, so that it takes effect once.
    """

    def __init__(self, simulation: SiteCluster, name: str) -> None:
        self.simulation = simulation
        self.name = name
        self.is_busy = False
        self._session: int | None = None
        self._number = 0
        self._attempt = 0
        self._attempts_left = 0
        self._is_certain = True
        self._call: Call | None = None
        self._command = ""

    def act(self) -> None:
        """Begin an operation, unless one is under way."""
        if self.is_busy:
            return
        self.is_busy = True
        self._attempts_left = self.simulation.world.chance.randint(1, 6)
        self._is_certain = True
        chance = self.simulation.world.chance
        if self._session is None:
            self._command = open_command(self.name)
            self._try()
        elif chance.random() < 0.4:
            key = chance.choice(REGISTERS + LISTS)
            self._call = self.simulation.history.begin(self.name, ["read", key])
            self._try_to_read(key)
        else:
            self._write()

    def _write(self) -> None:
        chance = self.simulation.world.chance
        self._number += 1
        value = f"{self.name}.{self._number} "
        key = chance.choice(REGISTERS + LISTS)
        if key in LISTS:
            operation = ["append", key, value]
            body = patch_body([{"op": "add", "path": f"/{key}/-", "value": value}])
        elif chance.random() < 0.5:
            operation = ["write", key, value]
            body = patch_body([{"op": "add", "path": f"/{key}", "value": value}])
        else:
            operation, body = self._compare_and_set(key, value)
        self._call = self.simulation.history.begin(self.name, operation)
        self._command = session_command(self._session or 0, self._number, self._number, body)
        self._try()

    def _compare_and_set(self, key: str, value: str) -> tuple[list[Any], str]:
        """Compare with what some server believes; by a patch's test, or by the document's version."""
        runner = self._any_runner()
        machine = runner.machine.document if runner is not None else None
        old = machine.document.get(key) if machine is not None else None
        operations = [{"op": "add", "path": f"/{key}", "value": value}]
        if machine is not None and self.simulation.world.chance.random() < 0.3:
            return ["cas", key, old, value], update_body(machine.version, operations, "x" * 1000)
        if old is not None:
            operations.insert(0, {"op": "test", "path": f"/{key}", "value": old})
            return ["cas", key, old, value], patch_body(operations)
        return ["write", key, value], patch_body(operations)

    def _any_runner(self) -> Runner | None:
        running = [
            runner
            for site in self.simulation.sites
            for runner in site.runners
            if runner.is_alive and runner.raft is not None
        ]
        chance = self.simulation.world.chance
        zombies = [runner for runner in running if runner is not runner.site.runner]
        if zombies and chance.random() < 0.5:
            return chance.choice(zombies)
        return chance.choice(running) if running else None

    def _next_attempt(self) -> tuple[Runner | None, int]:
        """Choose a server, and see to it that the attempt ends: nobody else does if that server dies."""
        self._attempt += 1
        attempt = self._attempt
        self.simulation.world.at(12 * self.simulation.scale_ms, lambda: self._failed(attempt, None))
        return self._any_runner(), attempt

    def _try(self) -> None:
        runner, attempt = self._next_attempt()
        if runner is None:
            return
        kind = EntryKind.HOUSEKEEPING if self._session is None else EntryKind.COMMAND
        command = self._command  # by the time that a frozen process gets to it, this may be another

        def propose() -> None:
            if runner.driver is not None and not runner.driver.is_stopped:
                runner.driver.propose(command, kind, lambda outcome: self._settled(attempt, runner, outcome))

        runner.execute(propose)

    def _settled(self, attempt: int, runner: Runner, outcome: Committed | WebraftError) -> None:
        if isinstance(outcome, WebraftError):
            self._failed(attempt, outcome)
            return
        self.simulation.properties.acknowledged(outcome)
        if attempt != self._attempt or not self.is_busy:
            return
        if self._session is None:
            self._session = runner.machine.document.sessions.find_id(self.name)
            self._number = 0
            require(self._session, "Sessions", f"{self.name} opened one at {outcome}, and there is none")
            self._end()
            return
        result = runner.machine.results.get(outcome.index)
        if result is None:
            self._failed(attempt, None)  # a snapshot came in between: ask somebody else
            return
        require(result.outcome, "Sessions", f"{self.name} was refused number {self._number} at {outcome}")
        assert result.outcome is not None, "it was just required"
        assert self._call is not None, "an operation is under way"
        require(
            (result.session, result.number) == (self._session, self._number),
            "Acknowledgement",
            f"{self.name} asked for number {self._number}, {outcome} holds {result}",
        )
        operation = self._call.operation
        if not result.outcome.reason:
            self._call.returned(True)
        elif operation[0] == "cas" and result.outcome.position >= 0:
            self._call.returned(False)
        else:
            self._call.failed()
        self._end()

    def _try_to_read(self, key: str) -> None:
        runner, attempt = self._next_attempt()
        if runner is None:
            return
        began_at = self.simulation.properties.highest_commit

        def done(index: int | WebraftError) -> None:
            if isinstance(index, WebraftError):
                self._failed(attempt, index)
                return
            self.simulation.properties.read(began_at, index)
            if attempt == self._attempt and self._call is not None:
                value = runner.machine.document.document.get(key)
                self._call.returned("".join(value) or None if key in LISTS else value)
                self.simulation.world.counts["reads"] += 1
                self._end()

        def read() -> None:
            if runner.driver is not None and not runner.driver.is_stopped:
                runner.driver.read(done)

        runner.execute(read)

    def _failed(self, attempt: int, error: WebraftError | None) -> None:
        """Try again, or give up."""
        if attempt != self._attempt or not self.is_busy:
            return
        self._is_certain = self._is_certain and isinstance(error, CERTAIN)
        self._attempts_left -= 1
        call = self._call
        if call is not None and call.operation[0] == "read":
            call.failed()
            self._end()
        elif self._attempts_left > 0:
            pause_ms = self.simulation.world.chance.randint(0, self.simulation.scale_ms)
            self.simulation.world.at(pause_ms, lambda: self._try() if attempt == self._attempt else None)
        else:
            if call is not None:
                call.failed() if self._is_certain else call.unknown()
            self._end()

    def _end(self) -> None:
        self._attempt += 1
        self._call = None
        self.is_busy = False
        self.simulation.world.counts["operations"] += 1
