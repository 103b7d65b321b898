"""The door to the browser, as far as it can be tried without one."""

from pathlib import Path

import pytest

from webraft_web import _browser
from webraft_web._browser import border, journal
from webraft_web.core.errors import ConfigError, FencedError, StorageError

GLUE = Path(__file__).parents[2] / "js_glue" / "src"


@pytest.mark.parametrize(
    "use", [_browser.BrowserPlatform, _browser.BrowserClock, _browser.BrowserLocalStorage]
)
def test_outside_of_pyodide_it_can_be_imported_and_says_why_it_cannot_be_used(use):
    """The error names what runs in CPython."""
    with pytest.raises(ConfigError, match=r"Pyodide.*RaftInterface"):
        use()


@pytest.mark.parametrize(
    "module",
    sorted(path.stem for path in GLUE.glob("*.js") if not path.name.endswith(".test.js")),
)
def test_every_module_of_the_glue_becomes_a_script(module):
    """Exports turn into the script's value, and no module syntax is left."""
    script = border.as_script(border.glue_text(module), "x.js")
    assert script.startswith("(() => {\n")
    assert script.endswith("//# sourceURL=x.js")
    assert "\nexport " not in script
    assert "\nimport " not in script


def test_a_script_returns_what_the_module_exports():
    """Plain and async functions alike, and nothing else."""
    module = "export function a() {}\nfunction b() {}\nexport async function c() {}\n"
    assert border.as_script(module, "x.js").splitlines() == [
        "(() => {",
        "function a() {}",
        "function b() {}",
        "async function c() {}",
        "",
        "return { a, c };",
        "})()",
        "//# sourceURL=x.js",
    ]


@pytest.mark.parametrize(
    ("failure", "kind", "says"),
    [
        ("ConstraintError: Key already exists", FencedError, "taken over"),
        ("QuotaExceededError: ", StorageError, "full.*what was stored before is intact"),
        ("VersionError: too new", StorageError, "too new.*newer version"),
        ("OutdatedError: layout", StorageError, "layout.*reload this page"),
        ("BlockedError: hangs", StorageError, "hangs.*close the other pages"),
        ("SurpriseError: what", StorageError, "SurpriseError: what$"),
    ],
)
def test_a_failure_of_the_journal_says_what_to_do(failure, kind, says):
    """Names of IndexedDB's errors become this package's errors, with advice."""
    error = journal.journal_error("room", failure)
    assert type(error) is kind
    with pytest.raises(kind, match=f"journal 'room'.*{says}"):
        raise error


@pytest.mark.parametrize(
    ("verb", "failure", "says"),
    [
        ("open", "SecurityError: denied", 'allow site data.*storage="memory"'),
        ("open", "InvalidStateError: no mutations", 'allow site data.*free some space.*storage="memory"'),
        ("open", "VersionError: too new", "newer version.*reload"),
        ("add", "AbortError: ", "disk is full; what was stored before is intact"),
        ("add", "UnknownError: reasons", "disk is full; what was stored before is intact"),
        ("add", "InvalidStateError: no mutations", "disk is full; what was stored before is intact"),
        ("add", "ClosedError: the journal is closed", "join again to open it anew"),
        ("load", "NotReadableError: a large value", "export_room.*delete_room"),
    ],
)
def test_where_a_browser_does_not_tell_the_cause_what_was_done_says_what_to_do(verb, failure, says):
    """One name stands for many causes, in Firefox above all."""
    with pytest.raises(StorageError, match=f"{failure.rstrip(': ')}.*{says}"):
        raise journal.journal_error("room", failure, verb)
