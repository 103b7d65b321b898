"""Where a target's decisions come from: bytes, which a fuzzer mutates and hypothesis shrinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

MAX_LENGTH: Final = 640
"""Bytes that are decisions enough for one case."""
_ALPHABET: Final = 'abx01 "\\,[]{}:@\n\0é\u2028\ud800😀'


class Choices:
    """Decisions from bytes: each takes the next one, large ones three; where they end, all are 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to decide from."""
        return self._position >= len(self._data)

    def below(self, count: int) -> int:
        """Return a number from 0 to `count` - 1."""
        size = 1 if count <= 256 else 3
        value = int.from_bytes(self._data[self._position : self._position + size], "big")
        self._position += size
        return value % count

    def one_in(self, count: int) -> bool:
        return self.below(count) == count - 1

    def pick(self, options: Sequence[T]) -> T:
        return options[self.below(len(options))]

    def text(self, limit: int = 6) -> str:
        return "".join([self.pick(_ALPHABET) for _ in range(self.below(limit + 1))])
