"""Stands in for Emscripten's tools, with those of zig: enough for one library of C and for no more.

Called with the name of the tool that is meant, and that tool's arguments. What
Emscripten alone understands is left out: its settings (`-s…`), its exceptions.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

TARGET = (
    "-target",
    "wasm32-wasi-musl",
    "-mcpu=mvp+mutable_globals+sign_ext+bulk_memory+nontrapping_fptoint",  # what Pyodide asks of a browser
    "-D__EMSCRIPTEN__",
    "-fPIC",
    "-fvisibility=hidden",  # all but PyInit, which says of itself that it is visible
)
LINK = (
    "-shared",
    "--experimental-pic",
    "--no-entry",
    "--export-dynamic",
    "--unresolved-symbols=import-dynamic",  # what Python itself provides
    "--strip-all",
)


def main(tool: str, arguments: Sequence[str]) -> int:
    """Do what `tool` is asked for; returns the exit code."""
    match tool:
        case "emcc" if "-c" in arguments:
            return _zig("cc", *TARGET, *_understood(arguments))
        case "emcc":
            output = arguments[arguments.index("-o") + 1]
            objects = [word for word in arguments if word.endswith((".o", ".a"))]
            return _zig("wasm-ld", *LINK, *objects, "-o", output)
        case "emar" | "emranlib":
            return _zig(tool.removeprefix("em"), *arguments)
        case "emnm":
            return 0  # asked for the symbols to export: see LINK
    sys.stderr.write(f"There is nothing that stands in for {tool}.\n")
    return 1


def _understood(arguments: Sequence[str]) -> list[str]:
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if word == "-s":
            next(rest)  # a setting may be a word of its own
        elif word != "-fwasm-exceptions" and (not word.startswith("-s") or word.startswith("-std=")):
            words.append(word)
    return words


def _zig(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "ziglang", *words], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
