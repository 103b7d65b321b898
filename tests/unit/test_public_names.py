"""The package's public names: all there, imported only when they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import webraft_web


def test_type_checkers_and_programs_see_the_same_names():
    """The imports for type checkers and the table for programs name the same things in the same places."""
    tree = ast.parse(Path(webraft_web.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    checked = {alias.name: node.module for node in block.body for alias in node.names}
    assert checked == {name: f"webraft_web.{module}" for name, module in webraft_web._MODULE_OF.items()}
    assert sorted(checked) == sorted(webraft_web.__all__)


@pytest.mark.parametrize("name", webraft_web.__all__)
def test_every_public_name_can_be_imported(name):
    """And is what it is called."""
    assert getattr(webraft_web, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error():
    """As in any module."""
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = webraft_web.nonsense


def test_importing_the_package_imports_nothing_else_of_it():
    """A page pays for what it uses."""
    code = "import sys, webraft_web; print([name for name in sys.modules if name.startswith('webraft_web.')])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
