"""README's code, for the tests that hold it to its word."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")


def python_block(mark: str) -> str:
    """Return the one block of Python code that contains `mark`."""
    return block("python", mark)


def block(language: str, mark: str) -> str:
    """Return the one block of code in a language that contains `mark`."""
    blocks = [code for code in re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL) if mark in code]
    assert len(blocks) == 1, f"README has {len(blocks)} blocks of {language} with {mark!r}"
    return blocks[0]
