"""What a mutant is, where the list of them lies, and how one is put into a copy of the package."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, NamedTuple

_LIST: Final = Path(__file__).parent / "mutants"
_TOPICS: Final = (
    "elections",
    "replication",
    "commitment",
    "membership",
    "reads",
    "snapshots",
    "storage",
    "clients",
    "clusters",
    "browser",
    "pages",
    "signaling",
    "links",
)


class OutOfDateError(Exception):
    """A mutant does not fit the package any more; the message says which and what to do."""


class Mutant(NamedTuple):
    """One deliberate bug.

    Fields:
        name: For the command line; unique.
        breaks: What goes wrong with it, in a sentence.
        rule: What it violates: a section of the dissertation, or a rule ("rule 3") of DESIGN.md's
            "What keeps it safe".
        file: Below `webraft_web/`.
        old: Text that stands in the file exactly once.
        new: What takes its place.
        tests: Files or directories below `tests/unit/` that are to notice it, tried in this order.
    """

    name: str
    breaks: str
    rule: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def mutated(self, text: str) -> str:
        """Return a file's text with the bug in it.

        Raises:
            OutOfDateError: Unless `old` is there exactly once.
        """
        count = text.count(self.old)
        if count != 1:
            raise OutOfDateError(
                f"the list is out of date: the old text of {self.name!r} stands {count} times in "
                f"webraft_web/{self.file}, expected once. Bring the mutant up to date with the code"
            )
        return text.replace(self.old, self.new)

    def put_into(self, package: Path) -> None:
        """Change a copy of `webraft_web`; OutOfDateError if it does not fit."""
        path = package / self.file
        path.write_text(self.mutated(path.read_text(encoding="utf-8")), encoding="utf-8")
        # Bytecode is told from its source by the time and size alone.
        for stale in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
            stale.unlink()


def read_list() -> tuple[Mutant, ...]:
    """Return all mutants, by what they break."""
    return tuple(
        Mutant(**{**fields, "tests": tuple(fields["tests"])})
        for topic in _TOPICS
        for fields in tomllib.loads((_LIST / f"{topic}.toml").read_text(encoding="utf-8"))["mutant"]
    )
