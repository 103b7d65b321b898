"""What the suites need and what they run: tools, browsers, command lines."""

from __future__ import annotations

import os
import platform
import shutil
from functools import partial
from pathlib import Path

from demo.toolchain.environment import pip_install, python_with
from demo.toolchain.places import CACHE, ROOT, alone, digest, provide
from demo.toolchain.progress import SetupError, run, say, step
from demo.toolchain.runtime import DEFAULT_VERSION, lay_out, npm_install, npm_install_into, pyodide_dir
from demo.toolchain.wheels import build_wheel, download_wheels

PYTEST_PATHS = {
    "unit": ["tests/unit", "tests/test_tidy.py"],
    "pyodide": ["tests/pyodide"],
    "pyodide-oldest": ["tests/pyodide"],
    "pyodide-next": ["tests/pyodide"],
    "compiled": ["tests/compiled"],
    "javascript": ["tests/javascript"],
    "install": ["tests/install"],
    "signaling": ["tests/signaling"],
    "tabs": ["tests/tabs"],
    "firefox": ["tests/firefox"],
    "network": ["tests/network"],
}
ONE_BY_ONE = ("compiled", "firefox")
"""Suites that measure, or whose browser is slow enough alone."""
MOST_BROWSERS = 4
PYODIDE_VERSIONS = {"pyodide": DEFAULT_VERSION, "pyodide-oldest": "0.27.7", "pyodide-next": "314.0.7"}
ENVIRONMENT = {
    "SE_AVOID_STATS": "true",  # Selenium asks nobody but this machine
    "SE_OFFLINE": "true",
}
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FIREFOX_NAMES = ("firefox-esr", "firefox")
CHROMIUM_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--password-store=basic",
    # Each tab has its own renderer, to be killed alone.
    "--disable-features=ProcessPerSiteUpToMainFrameThreshold",
)
_APT_INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends")
_GLUE = ROOT / "js_glue"
_SITE = ROOT / "demo" / "site"
_FACADE_TESTS = ROOT / "tests" / "javascript"


def tests_python() -> Path:
    """Return the Python of an environment with every tool that the tests use."""
    return python_with("tests", ROOT / "tests" / "requirements.txt")


def install_wheel(python: Path) -> None:
    """Install the built wheel: what is tested is what is shipped."""
    wheel = build_wheel()
    stamp = digest([wheel], str((python.parents[1] / "pyvenv.cfg").stat().st_mtime_ns))
    options = ("--no-deps", "--no-index", "--force-reinstall")
    install = partial(pip_install, python, *options, str(wheel))
    provide(CACHE / "installed", stamp, install, title="Installing the wheel")


def install_glue_tools() -> None:
    """Install what checks the JavaScript."""
    stamp, title = digest([_GLUE / "package-lock.json"]), "Installing what checks the JavaScript"
    install = partial(npm_install, _GLUE)
    provide(CACHE / "glue", stamp, install, title=title, proof=_GLUE / "node_modules")


def pyodide_dist(version: str = DEFAULT_VERSION) -> Path:
    """Return a Pyodide whose lock file carries an old jsonpatch and jsonpointer, as the published one."""
    requirements = ROOT / "tests" / "pyodide" / f"requirements-{version}.txt"
    if not requirements.exists():
        requirements = requirements.with_name("requirements.txt")
    source = pyodide_dir(version)
    wheels = download_wheels(requirements)
    directory = CACHE / "pyodide-tests" / version
    stamp = digest([*wheels, source / "package.json"])
    make = partial(lay_out, source.parent / "node_modules" / "pyodide", directory / "dist", wheels)
    return provide(directory, stamp, make) / "dist"


def puppeteer_dir() -> Path:
    """Return a directory with what drives Firefox, got from npm if it is not there yet."""
    return _npm_dir("firefox", "puppeteer-core")


def pyscript_dir() -> Path:
    """Return a directory with PyScript, got from npm if it is not there yet."""
    return _npm_dir("install", "PyScript") / "node_modules" / "@pyscript" / "core" / "dist"


def signaling_dir() -> Path:
    """Return a directory with signalling servers, got from npm if they are not there yet."""
    return _npm_dir("signaling", "signalling servers")


def peers_dir() -> Path:
    """Return a directory with what rooms are measured beside, got from npm if it is not there yet."""
    return _npm_dir("benchmarks", "Yjs and y-webrtc")


def _npm_dir(suite: str, title: str) -> Path:
    lock_files = [ROOT / "tests" / suite / name for name in (".npmrc", "package.json", "package-lock.json")]
    install = partial(npm_install_into, CACHE / suite, lock_files)
    return provide(CACHE / suite, digest(lock_files), install, title=f"Getting {title}")


def find_chromium() -> str | None:
    """Return the browser's path, or None where there is none."""
    return _first_of(_CHROMIUM_NAMES)


def find_firefox() -> str | None:
    """Return the browser's path, or None where there is none."""
    return _first_of(_FIREFOX_NAMES)


def ensure_chromium() -> None:
    """Make sure that Chromium and its driver are there; on Debian root can have them installed.

    Raises:
        SetupError: If they are missing and cannot be installed from here.
    """
    if find_chromium() and shutil.which("chromedriver"):
        return
    if not _is_debian():
        raise SetupError(
            "The suites pyodide and tabs need Chromium and chromedriver on the PATH: install your system's\n"
            "packages for them. The others run without: python3 tests lint types js unit"
        )
    packages = ["chromium", "chromium-driver"]
    if os.geteuid() != 0:
        raise SetupError(
            f"The suites pyodide and tabs need Chromium: sudo {' '.join([*_APT_INSTALL, *packages])}\n"
            "The others run without: python3 tests lint types js unit"
        )
    _apt_install("Chromium", packages)


def ensure_firefox() -> None:
    """Install Firefox where that can be done: as root on Debian. Its suite is skipped where there is none."""
    if find_firefox() is None and _is_debian() and os.geteuid() == 0:
        try:
            _apt_install("Firefox", ["firefox-esr"])
        except SetupError as error:
            say(str(error))


def checks(suite: str, python: Path, scratch: Path) -> list[tuple[str, list[str | Path], Path]]:
    """Return title, command line and directory of the checks that are not pytest's."""
    tool = python.parent
    report = ["--test-reporter=junit", f"--test-reporter-destination={scratch / 'node --test'}.xml"]
    prettier = ["node_modules/.bin/prettier", "--check", "--print-width=110"]
    spec = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    return {
        "lint": [
            ("ruff check", [tool / "ruff", "check", "."], ROOT),
            ("ruff format", [tool / "ruff", "format", "--check", "."], ROOT),
            ("import-linter", [tool / "lint-imports", "--cache-dir", CACHE / "import-linter"], ROOT),
        ],
        "types": [("mypy", [tool / "mypy"], ROOT)],
        "js": [
            ("prettier", ["node_modules/.bin/prettier", "--check", "."], _GLUE),
            ("tsc", ["node_modules/.bin/tsc"], _GLUE),
            ("prettier, demo", [*prettier, _SITE], _GLUE),
            ("tsc, demo", ["node_modules/.bin/tsc", "-p", ROOT / "demo"], _GLUE),
            ("prettier, façade's tests", [*prettier, _FACADE_TESTS], _GLUE),
            ("tsc, façade's tests", ["node_modules/.bin/tsc", "-p", _FACADE_TESTS], _GLUE),
            ("node --test", ["node", "--test", *report, *spec], _GLUE),
        ],
    }[suite]


def pytest_options(suite: str, *, is_whole: bool, is_long: bool) -> list[str]:
    """Return the plugins and options that a suite needs, run as a whole or narrowed down."""
    options = []
    if suite in PYODIDE_VERSIONS:
        runtimes = "node,chrome" if is_long else "node"  # the tabs have Chromium run it in any case
        options += [f"--rt={runtimes}", f"--dist-dir={pyodide_dist(PYODIDE_VERSIONS[suite])}"]
    else:
        # pytest-pyodide looks into every test module, and only its own suite needs that.
        options += ["-p", "no:pytest_pyodide", "-p", "no:pytest_pyodide_hook"]
    if not is_whole or suite in ONE_BY_ONE:
        return options
    options.append("--numprocesses=auto")
    if suite != "unit":
        # Tests with browsers wait more than they compute. Those of one file share what takes long to open.
        spread = "load" if suite == "signaling" else "loadfile"
        return [*options, f"--maxprocesses={MOST_BROWSERS}", f"--dist={spread}"]
    # All tests together try every branch of the core; watching that takes time.
    return [*options, "--cov=webraft_web.core"] if is_long else options


def program(python: Path, module: str) -> list[str]:
    """Return the command line that runs a module's `main`, on the installed wheel."""
    start = f"import sys, webraft_web; sys.path.append({str(ROOT)!r}); from {module} import main"
    return [str(python), "-P", "-c", f"{start}; sys.exit(main(sys.argv[1:]))"]


def _first_of(names: tuple[str, ...]) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


def _apt_install(what: str, packages: list[str]) -> None:
    with alone(CACHE / "apt.lock"), step(f"Installing {what} with apt"):
        os.environ["DEBIAN_FRONTEND"] = "noninteractive"
        run("apt-get", "update")
        run(*_APT_INSTALL, *packages)


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release()["ID"] == "debian" and shutil.which("apt-get") is not None
    except OSError:
        return False
