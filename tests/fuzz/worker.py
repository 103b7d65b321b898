"""One process of guided fuzzing: branches count from the package's import on, and libFuzzer never returns."""

from __future__ import annotations

from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Fuzz the target named first, with libFuzzer's options after it; ends the process."""
    import atheris  # where there is none, whoever starts this process has noticed

    # Not the package's root and its tests: what they do is not to be explored.
    with atheris.instrument_imports(include=["webraft_web"]):
        from tests.fuzz.targets import TARGETS  # imported while imports are instrumented

    from tests.fuzz.choices import Choices

    target = TARGETS[arguments[0]]
    atheris.Setup(["fuzz", *arguments[1:]], lambda data: target(Choices(data)))
    atheris.Fuzz()
