"""The built wheel in a page that has nothing but Pyodide, and whose lock file offers an old jsonpatch."""

from __future__ import annotations

from importlib.metadata import version

VERSIONS = """
    from importlib.metadata import version
    [version("webraft_web"), version("jsonpatch"), version("jsonpointer")]
"""


def test_the_wheel_is_installed_by_its_address(page) -> None:
    """One address is enough: micropip finds the dependencies in its index, and takes the right ones."""
    page.python(f"import micropip; await micropip.install('{page.wheel_url}', index_urls='{page.index_url}')")
    assert page.python(VERSIONS) == ["0.1.0", version("jsonpatch"), version("jsonpointer")]


def test_the_wheel_is_installed_from_an_index_that_also_offers_old_dependencies(page) -> None:
    """Neither Pyodide's lock file nor an index can talk webraft_web into jsonpatch 1.33."""
    page.python(f"import micropip; await micropip.install('webraft_web', index_urls='{page.index_url}')")
    assert page.python(VERSIONS) == ["0.1.0", version("jsonpatch"), version("jsonpointer")]
    assert (
        page.python("""
        import jsonpatch
        try:
            jsonpatch.apply_patch([1], [{"op": "test", "path": "/0", "value": True}])
            outcome = "1 is true"
        except jsonpatch.JsonPatchTestFailed:
            outcome = "1 is not true"
        outcome
    """)
        == "1 is not true"
    )


def test_importing_the_package_brings_the_public_names(page, report) -> None:
    """The package imports in a fresh Pyodide; how long that took is reported, not judged."""
    page.python(f"import micropip; await micropip.install('{page.wheel_url}', index_urls='{page.index_url}')")
    milliseconds = page.python("""
        import time
        begun = time.perf_counter()
        import webraft_web
        (time.perf_counter() - begun) * 1000
    """)
    report(f"import webraft_web: {milliseconds:.0f} ms")
    names = "join_room", "RaftInterface", "NodeInstance"
    assert page.python(f"[name for name in {names} if hasattr(webraft_web, name)]") == list(names)
