"""The border between Python and JavaScript: how the glue gets into the page, and how long proxies live.

How the glue gets into the page. `js_glue/src/*.js` travels in the wheel as
`webraft_web/_js/*.js` (in a source tree it is read from where it lies). Each
module stands alone: it imports nothing, and each of its exports begins a line
with `export function` or `export async function`; a test of the glue holds it
to that. So a module becomes a plain script by dropping the word `export`, is
evaluated once, when first used, and needs no blob URL, no dynamic import and no
`await`: a node may be created synchronously. That asks for nothing that
Pyodide's own `run_js` does not ask for.

How long proxies live. One is made per handle (a channel, a journal, a lock
request, a clock, a lifecycle listener), when it is opened, and destroyed when
it is closed; the glue promises to call nothing after that. The border is
crossed as text, once per batch.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from webraft_web.core.errors import ConfigError
from webraft_web.event_loop import raise_in_loop

IN_PYODIDE: Final = sys.platform == "emscripten"

_logger = logging.getLogger("webraft_web")


@cache
def glue(module: str) -> Any:
    """Evaluate one module of the glue, once, and return its exports."""
    if not IN_PYODIDE:
        raise ConfigError(
            "this needs a browser's APIs through Pyodide, and Python runs outside of one here: "
            "use RaftInterface with a transport of your own, or run an always-on peer: webraft_web.peer"
        )
    from pyodide.code import run_js  # noqa: PLC0415 - exists in Pyodide alone

    return run_js(as_script(glue_text(module), f"webraft_web/_js/{module}.js"))


def glue_text(module: str) -> str:
    """Return the source of one module of the glue."""
    shipped = resources.files("webraft_web") / "_js" / f"{module}.js"
    if shipped.is_file():
        return shipped.read_text("utf-8")
    return (Path(__file__).parents[2] / "js_glue" / "src" / f"{module}.js").read_text("utf-8")


def as_script(text: str, source_url: str) -> str:
    """Turn the text of a module that stands alone into a script whose value is its exports."""
    names = re.findall(r"^export (?:async )?function (\w+)", text, re.MULTILINE)
    body = re.sub(r"^export ", "", text, flags=re.MULTILINE)
    return f"(() => {{\n{body}\nreturn {{ {', '.join(names)} }};\n}})()\n//# sourceURL={source_url}"


def create_callback(callback: Callable[..., None]) -> Any:
    """Make `callback` callable from JavaScript until `destroy()`; what it raises is logged."""
    from pyodide.ffi import create_proxy  # noqa: PLC0415 - exists in Pyodide alone

    return create_proxy(lambda *args: run_logged(callback, *args))


def run_logged(callback: Callable[..., None], *args: Any) -> None:
    """Call `callback`; what it raises is logged, for there is nobody else to tell, or ends the program."""
    try:
        callback(*args)
    except Exception:
        _logger.exception("a callback from the browser failed")
    except (KeyboardInterrupt, SystemExit) as error:
        raise_in_loop(error)


def is_js_error(error: object) -> bool:
    """Tell whether an exception is an Error of JavaScript's."""
    from pyodide.ffi import JsException  # noqa: PLC0415 - exists in Pyodide alone

    return isinstance(error, JsException)
