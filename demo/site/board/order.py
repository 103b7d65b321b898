"""Keys that order cards, as text between any two of which there is room for another.

With array indexes a card that moves renumbers its neighbours, and two tabs that
move different cards collide. With a key of its own, a card that moves changes
nothing but itself.
"""

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""In the order in which Python and JavaScript compare them."""


def is_key(value: object) -> bool:
    """Whether `value` can order a card: digits, the last of which leaves room below it."""
    return (
        isinstance(value, str)
        and value != ""
        and not value.endswith(DIGITS[0])
        and all(character in DIGITS for character in value)
    )


def between(low: str, high: str | None) -> str:
    """Return a key above `low` and below `high`.

    Away from an open end it keeps a little distance only, so that a hundred cards
    added one below the other need short keys.

    Args:
        low: A key, or "" for the beginning.
        high: A key above `low`, or None for the end.
    """
    prefix = ""
    ceiling_key = high
    while True:
        position = len(prefix)
        floor = DIGITS.index(low[position]) if position < len(low) else 0
        ceiling = len(DIGITS)
        if ceiling_key is not None and position < len(ceiling_key):
            ceiling = DIGITS.index(ceiling_key[position])
        room = ceiling - floor
        if room > 1:
            return prefix + DIGITS[floor + _step(room, is_first=not low, is_last=high is None)]
        prefix += DIGITS[floor]
        if room == 1:
            # Already below `high` by this digit: from here on only `low` bounds the key.
            ceiling_key = None


def spread(low: str, high: str | None, count: int) -> list[str]:
    """Return `count` rising keys between `low` and `high`."""
    keys = []
    for _ in range(count):
        low = between(low, high)
        keys.append(low)
    return keys


def _step(room: int, *, is_first: bool, is_last: bool) -> int:
    """Return how far above the floor to go, from 1 to `room` - 1."""
    if is_first == is_last:
        return room // 2
    short = max(1, room // 8)
    return short if is_last else room - short
