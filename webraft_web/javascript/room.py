"""Rooms, as a JavaScript page joins them, and a document's updates by functions of JavaScript's."""

from __future__ import annotations

from typing import Any

from webraft_web.javascript.border import answering, js_page, kept, read_text, start
from webraft_web.javascript.signaling import with_strategies
from webraft_web.json_text import encode
from webraft_web.room import join_room


@answering
def begin_join(name: str, options: str, js_strategies: Any, js_settle: Any) -> None:
    """Join a room; the page gets its own handle on the document."""
    start(join_room(read_text(name), **with_strategies(read_text(options), js_strategies)), js_settle)


@answering
def begin_update(document: Any, js_function: Any, options: str, js_settle: Any) -> None:
    """Do `SharedDocument.update` with a function of JavaScript's."""

    def change(copy: Any) -> Any:
        answer = js_page().change(js_function, encode(copy))
        return read_text(answer) if isinstance(answer, str) else kept(answer)  # which is refused

    start(document.update(change if callable(js_function) else js_function, **read_text(options)), js_settle)
