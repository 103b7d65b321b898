"""What TLC is asked: the models as designed, each weakening of them, and what must be reachable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

Constants = Mapping[str, str]


class Expected(Enum):
    """How a case has to come out."""

    HOLDS = "the model as designed: every invariant holds in every state within the bounds"
    BREAKS = "a weakening: some invariant is violated"
    REACHED = "a witness: the state that `No…` denies is reached"


@dataclass(frozen=True)
class Case:
    """One question to TLC.

    Fields:
        name: What the command line and the report call it.
        module: The specification, `<module>.tla` beside this file.
        constants: Values in TLA+, which are the bounds.
        invariants: Names in the module.
    """

    name: str
    module: str
    expected: Expected
    constants: Constants
    invariants: tuple[str, ...]

    def configuration(self) -> str:
        """Return TLC's configuration file."""
        constants = "".join(f"  {name} = {value}\n" for name, value in self.constants.items())
        return f"SPECIFICATION Spec\nCONSTANTS\n{constants}INVARIANTS {' '.join(self.invariants)}\n"


SITE_INVARIANTS = ("OneVotePerTerm", "OneLeaderPerTerm", "NothingLost", "NoStaleRead", "LogsMatch")
JOURNAL_INVARIANTS = ("NothingLost", "WritersKnowAll", "CheckersKnowAll", "NeverDamaged")


def _site(voters: str, plain_terms: int, epochs: int, terms: int, log: int, reads: int) -> Constants:
    return {
        "Voters": "{" + ", ".join(f'"{voter}"' for voter in voters) + "}",
        "PlainTerms": str(plain_terms),
        "MaxEpoch": str(epochs),
        "MaxTerm": str(terms),
        "MaxLog": str(log),
        "MaxReads": str(reads),
        "MayLose": "FALSE",
        "Weakened": "{}",
    }


def _journal(pages: str, positions: int) -> Constants:
    return {"Pages": pages, "MaxPosition": str(positions), "Weakened": "{}"}


ALONE = _site("S", plain_terms=0, epochs=3, terms=3, log=3, reads=1)
PAIR = _site("ST", plain_terms=2, epochs=2, terms=2, log=2, reads=1)
TRIO = _site("STU", plain_terms=1, epochs=2, terms=2, log=1, reads=1)
TRIO_WITHOUT_READS = {**TRIO, "MaxReads": "0"}
TRIO_WRITES = {**TRIO_WITHOUT_READS, "MaxLog": "2"}
TRIO_LOSES = {**TRIO_WITHOUT_READS, "MayLose": "TRUE"}
JOURNAL = _journal("{1, 2, 3}", 7)

DESIGNS = {
    "journal": ("Journal", JOURNAL),
    "alone": ("Site", ALONE),
    "pair": ("Site", PAIR),
    "trio": ("Site", TRIO),
    "trio that writes": ("Site", TRIO_WRITES),
    "trio that loses its storage": ("Site", TRIO_LOSES),
}
DEEP_DESIGNS = {
    "journal": ("Journal", _journal("{1, 2, 3}", 9)),
    "alone": ("Site", _site("S", plain_terms=0, epochs=3, terms=4, log=4, reads=2)),
    "pair": ("Site", _site("ST", plain_terms=3, epochs=3, terms=3, log=3, reads=1)),
    "trio": ("Site", _site("STU", plain_terms=2, epochs=2, terms=2, log=2, reads=1)),
    "trio that writes": ("Site", {**TRIO_WRITES, "MaxTerm": "3"}),
    "trio that loses its storage": ("Site", {**TRIO_LOSES, "MaxTerm": "3", "MaxLog": "2"}),
}
"""Larger bounds, for hours."""

WEAKENINGS = {
    "unfenced add": ("Journal", JOURNAL),
    "discarded takeovers": ("Journal", JOURNAL),
    "unchecked takeover": ("Journal", JOURNAL),
    "unfenced writes": ("Site", ALONE),
    "unfenced answers": ("Site", TRIO),
    "unfenced reads": ("Site", ALONE),
    "early promises": ("Site", TRIO_WITHOUT_READS),
    "own entries early": ("Site", ALONE),
    "own vote early": ("Site", PAIR),
    "own vote unneeded": ("Site", TRIO_WITHOUT_READS),
    "leads on": ("Site", ALONE),
    "old copy": ("Site", TRIO_WITHOUT_READS),
    "late reads": ("Site", ALONE),
    "reused id": ("Site", TRIO_LOSES),
}

WITNESSES = {
    "NoZombie": ("Journal", JOURNAL),
    "NoFreedPosition": ("Journal", JOURNAL),
    "NoOldTakeover": ("Journal", JOURNAL),
    "NoZombieFenced": ("Site", ALONE),
    "NoZombieSpeaks": ("Site", PAIR),
    "NoTwoLeaders": ("Site", ALONE),
    "NoLaterWrite": ("Site", ALONE),
    "NoReadServed": ("Site", ALONE),
    "NoZombieRead": ("Site", ALONE),
    "NoRoundAnswered": ("Site", PAIR),
    "NoHandOver": ("Site", PAIR),
    "NoLossSurvived": ("Site", TRIO_LOSES),
}

INVARIANTS = {"Site": SITE_INVARIANTS, "Journal": JOURNAL_INVARIANTS}
"""What users would notice: a weakening has to violate one of these."""
INNER_INVARIANTS = {"Site": ("StoreBacksPromises",), "Journal": ()}
"""What the design holds beyond that."""


def all_cases(*, is_deep: bool = False) -> list[Case]:
    """Return every case, the designs last: they take longest."""
    cases = [
        Case(name, module, Expected.REACHED, constants, (name,))
        for name, (module, constants) in WITNESSES.items()
    ]
    for name, (module, constants) in WEAKENINGS.items():
        weakened = {**constants, "Weakened": f'{{"{name}"}}'}
        cases.append(Case(name, module, Expected.BREAKS, weakened, INVARIANTS[module]))
    for name, (module, constants) in (DEEP_DESIGNS if is_deep else DESIGNS).items():
        cases.append(
            Case(name, module, Expected.HOLDS, constants, INVARIANTS[module] + INNER_INVARIANTS[module])
        )
    return cases
