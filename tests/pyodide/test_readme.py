"""README's words on installing."""

from __future__ import annotations

import re

from tests.readme import TEXT, python_block


def test_the_installation_of_the_readme_works_as_shown(page) -> None:
    """The snippet, with the address of the wheel built here, gives a package that imports."""
    example = python_block("micropip.install(")
    address = "https://example.org/webraft_web-0.1.0-py3-none-any.whl"
    assert address in example
    page.python(f"import micropip; micropip.set_index_urls('{page.index_url}')")
    page.python(example.replace(address, page.wheel_url))
    assert page.python("from webraft_web import RaftInterface; RaftInterface.__name__") == "RaftInterface"
    release = page.python("import pyodide, sys; [pyodide.__version__, *sys.version_info[:2]]")
    assert "| {} | {}.{} | yes |".format(*release) in TEXT


def test_the_index_of_the_readme_is_enough(page) -> None:
    """The call gives the wheel by its name, and what it depends on."""
    (call,) = re.findall(r"`(micropip\.install\(\"webraft_web\".*?\))`", TEXT)
    address = "https://example.org/simple"
    assert address in call
    page.python(f"import micropip; await {call.replace(address, page.index_url)}")
    assert page.python("from webraft_web import RaftInterface; RaftInterface.__name__") == "RaftInterface"
