"""What can be fuzzed, by name. A target raises nothing unless something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.fuzz.choices import Choices
from tests.fuzz.decoding import try_greeting, try_protocol, try_values, try_wire
from tests.fuzz.stepping import try_step

TARGETS: Final[dict[str, Callable[[Choices], None]]] = {
    "step": try_step,
    "wire": try_wire,
    "greeting": try_greeting,
    "protocol": try_protocol,
    "values": try_values,
}
