"""Texts as messages of a channel, and back: cut where they are long, bounded whatever arrives.

A message's first character says what it is: `=` a whole text, `+` the first part
of a long one, after its size in bytes and a colon, `-` each further part. The
others, `?`, `!` and `x`, belong to the link's opening and end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from webraft_web.core.errors import BadArgumentError, RemoteProtocolError
from webraft_web.transports.webrtc.connections import MAX_MESSAGE_BYTES

WHOLE: Final = "="
FIRST: Final = "+"
FURTHER: Final = "-"
TEXT_KINDS: Final = frozenset((WHOLE, FIRST, FURTHER))
MAX_TEXT_BYTES: Final = 64 << 20
_MAX_SIZE_DIGITS: Final = len(str(MAX_TEXT_BYTES))
_PART_BYTES: Final = 65_000
_PART_CHARACTERS: Final = 16_000  # of up to four bytes
MIN_PART_CHARACTERS: Final = 15_000
"""No part but a text's last is shorter: or a text could come in millions of parts."""


def size_of(text: str) -> int:
    """Return the number of bytes of `text` in UTF-8.

    Raises:
        BadArgumentError: If it holds half of a surrogate pair, which no channel carries.
    """
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError as error:
        raise BadArgumentError(f"a channel carries Unicode, and this text is none: {error}") from error


def to_messages(text: str, size: int) -> Iterator[str]:
    """Yield the messages that carry `text`, which has `size` bytes."""
    if size <= _PART_BYTES:
        yield WHOLE + text
        return
    step = _PART_BYTES if size == len(text) else _PART_CHARACTERS
    yield f"{FIRST}{size}:{text[:step]}"
    for start in range(step, len(text), step):
        yield FURTHER + text[start : start + step]


class Assembly:
    """Makes texts of the messages of one sender."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._missing_bytes = 0

    def take(self, message: str) -> str | None:
        """Return the text that `message` completes, None if there is more to come.

        Raises:
            RemoteProtocolError: If it breaks the rules, with nothing kept of what it claims.
        """
        if len(message) > MAX_MESSAGE_BYTES:
            raise RemoteProtocolError(f"a message of {len(message)} characters, expected at most 64 KiB")
        kind = message[:1]
        if kind == FURTHER and self._missing_bytes:
            return self._add(message[1:])
        if self._missing_bytes or kind not in {WHOLE, FIRST}:
            raise RemoteProtocolError(f"a message that begins with {kind!r} in the wrong place")
        if kind == WHOLE:
            return message[1:]
        self._missing_bytes = _claimed_size(message)
        return self._add(message[message.index(":") + 1 :])

    def _add(self, part: str) -> str | None:
        self._missing_bytes -= len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
        if self._missing_bytes < 0:
            raise RemoteProtocolError("a text that is longer than its header claims")
        if self._missing_bytes and len(part) < MIN_PART_CHARACTERS:
            raise RemoteProtocolError(f"a text in parts of {len(part)} characters")
        self._parts.append(part)
        if self._missing_bytes:
            return None
        text = "".join(self._parts)
        self._parts.clear()
        return text


def _claimed_size(message: str) -> int:
    digits = message[1 : _MAX_SIZE_DIGITS + 2].partition(":")
    if not digits[1] or not (digits[0].isascii() and digits[0].isdigit()):
        raise RemoteProtocolError(
            f"a text begins with {message[:12]!r}, expected its size, at most {MAX_TEXT_BYTES} bytes"
        )
    size = int(digits[0])
    if not 0 < size <= MAX_TEXT_BYTES:
        raise RemoteProtocolError(f"a text that claims {size} bytes, expected at most {MAX_TEXT_BYTES}")
    return size
