"""The core compiled for Pyodide, without Emscripten, loaded as a page loads it."""

from __future__ import annotations

import threading
from statistics import median

from demo.toolchain.server import Server
from demo.toolchain.wheels import PAGE_REQUIREMENTS, download_wheels
from tests.compiled.building import pure_wheel
from tests.compiled.looking import interpreted, look_in_pyodide, look_natively, modules
from tests.package_index import lay_out

SEEDS = (1,)


def test_the_core_is_compiled_and_does_the_same(for_pyodide, report) -> None:
    """The same trace as with the pure wheel, there and in plain Python; how fast is reported."""
    compiled, pure = (look_in_pyodide(wheel, SEEDS, 3, 10_000, 5) for wheel in (for_pyodide, pure_wheel()))
    assert compiled["files"].keys() == modules()
    assert interpreted(compiled) == set()
    assert interpreted(pure) == modules()
    assert compiled["runs"] == pure["runs"] == look_natively(pure_wheel(), SEEDS, 3)["runs"]
    for name, seen in (("compiled", compiled), ("pure", pure)):
        report(
            f"Pyodide, {name}: {median(seen['rates']):,.0f} proposals/s, "
            f"loaded in {seen['loaded_ms']:.0f} ms, imported in {seen['import_ms']:.0f} ms"
        )


def test_micropip_takes_the_compiled_wheel_where_it_fits(for_pyodide, native, tmp_path) -> None:
    """From an index that has the pure one, too, and one for another platform."""
    wheels = (pure_wheel(), native, for_pyodide, *download_wheels(PAGE_REQUIREMENTS))
    with Server({"/": lay_out(tmp_path, "/", wheels)}) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        seen = look_in_pyodide(server.url)
        server.shutdown()
        thread.join()
    assert interpreted(seen) == set()
