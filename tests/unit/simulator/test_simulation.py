"""The simulator: it finds nothing where nothing is wrong, finds what is, and repeats itself."""

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.core_objects import interpreted_only
from tests.simulator import command
from tests.simulator.peer_cluster import PeerCluster
from tests.simulator.simulation import Simulation, Verdict
from tests.simulator.site_cluster import SiteCluster
from webraft_web.core import campaign, leadership
from webraft_web.core.raft import Raft
from webraft_web.driver import Driver
from webraft_web.driver.proposals import Proposals
from webraft_web.storage.indexed_db import JournalStorage

TORMENT_S = 20
ENOUGH_SEEDS = 60


@pytest.mark.parametrize("kind", [SiteCluster, PeerCluster])
@pytest.mark.parametrize("seed", range(1, 9))
def test_a_cluster_survives_its_faults(kind, seed):
    """No property is violated, what clients saw is linearizable, and the cluster recovers."""
    outcome = kind(seed, TORMENT_S).run()
    assert (outcome.verdict, outcome.reason) == (Verdict.OK, "")


@pytest.mark.parametrize("kind", [SiteCluster, PeerCluster])
def test_all_kinds_of_faults_strike(kind):
    """What a run never tries, it never finds: some seeds together try everything."""
    counts = Counter()
    for seed in range(20, 40):
        counts += kind(seed, TORMENT_S / 2).run().counts
    strikes = {name for name in dir(kind(1).faults) if name.startswith("_fault_")}
    assert {f"fault: {name.removeprefix('_fault_')}" for name in strikes} <= set(counts)
    assert {"elections", "commits", "crashes", "configuration changes", "stores lost", "reads"} <= set(counts)


def test_the_same_seed_gives_the_same_trace_in_another_process():
    """Neither the hashing of texts nor what ran before may make a difference."""
    program = (
        f"import sys; sys.path[:0] = {sys.path!r}; from tests.simulator.command import simulation_of;"
        "print([simulation_of(seed, 10).run().digest for seed in (3, 4)])"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-P", "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert digests.pop().strip() == str([command.simulation_of(seed, 10).run().digest for seed in (3, 4)])


def found(kind: type[Simulation], verdict: Verdict) -> str:
    """Return what the first seed finds that finds anything."""
    for seed in range(ENOUGH_SEEDS):
        outcome = kind(seed, TORMENT_S).run()
        if outcome.verdict is not Verdict.OK:
            assert outcome.verdict is verdict
            return outcome.reason
    raise AssertionError(f"{ENOUGH_SEEDS} seeds found nothing")


@interpreted_only
def test_a_majority_that_is_none_is_found(monkeypatch):
    """One voter's word commits."""
    monkeypatch.setattr(leadership, "agreed_value", max)
    assert found(SiteCluster, Verdict.SAFETY)


@interpreted_only
def test_a_vote_given_twice_is_found(monkeypatch):
    """A server forgets whom it has voted for."""

    def forgetful(raft, message):
        raft.voted_for = None
        return answer(raft, message)

    answer = campaign.answer_vote_request
    monkeypatch.setattr("webraft_web.core.raft.answer_vote_request", forgetful)
    assert "vote" in found(SiteCluster, Verdict.SAFETY).lower()


def test_a_zombie_that_no_fence_stops_is_found(monkeypatch):
    """Who was taken over believes that it still confirms reads, and answers for its successor."""
    monkeypatch.setattr(JournalStorage, "_check_fence", lambda _self, _position, done: done(None))
    monkeypatch.setattr(Driver, "_persist", _without_waiting)
    assert found(SiteCluster, Verdict.SAFETY)


def _without_waiting(self, batch, ready):
    self._ready = ready
    if batch.is_empty:
        self._complete()
    else:
        self._is_persisting = True
        self._storage.persist(batch, self._on_persisted)


def test_a_promise_that_is_not_on_the_disk_is_found(monkeypatch):
    """Everything may leave early, votes and acknowledgements too."""
    monkeypatch.setattr("webraft_web.driver.driver.may_go_early", lambda _: True)
    assert "Promise" in found(SiteCluster, Verdict.SAFETY)


def test_an_acknowledgement_of_what_was_lost_is_found(monkeypatch):
    """The own log is not asked what became of a command."""
    monkeypatch.setattr(Proposals, "_judge", _believing)
    assert "Acknowledgement" in found(SiteCluster, Verdict.SAFETY)


def _believing(_self, term, index):
    from webraft_web.core.entry import Committed

    return Committed(term, index)


@interpreted_only
def test_a_cluster_that_never_recovers_is_found(monkeypatch):
    """No vote is ever counted: that is no danger, and no use either."""
    monkeypatch.setattr(Raft, "_record_vote", lambda *_: None)
    assert "no convergence" in found(SiteCluster, Verdict.LIVENESS)


@interpreted_only
def test_a_server_that_goes_in_circles_is_found(monkeypatch):
    """An election that is due and never begins is due again at once."""
    monkeypatch.setattr(Raft, "_start_election", lambda *_: None)
    assert "in circles" in found(SiteCluster, Verdict.LIVENESS)


def test_a_server_that_raises_is_found(monkeypatch):
    """An exception out of the core is a violation like any other."""
    monkeypatch.setattr(Raft, "read_index", lambda *_: 1 // 0)
    assert "ZeroDivisionError" in found(SiteCluster, Verdict.SAFETY)


def test_the_command_says_how_much_it_explored(capsys):
    """Elections, commits, crashes, changes, and how fast it went."""
    assert command.main(["--seed", "1", "--runs", "2"]) == 0
    printed = capsys.readouterr().out
    words = ("elections", "commits", "crashes", "faults", "as fast as real time", "2 passed, 0 failed")
    assert [word for word in words if word not in printed] == []


def test_the_command_shows_what_happened_and_how_to_see_it_again(capsys, monkeypatch):
    """Safety and liveness have exit codes of their own."""
    monkeypatch.setattr("webraft_web.driver.driver.may_go_early", lambda _: True)
    code = command.main(["--seed", "1", "--runs", str(ENOUGH_SEEDS)])
    printed = capsys.readouterr().out
    assert code == command.EXIT_CODES[Verdict.SAFETY]
    assert "python3 tests simulate --seed" in printed
    assert "PreVote of term 2" in printed
    assert len(set(command.EXIT_CODES.values())) == 3
