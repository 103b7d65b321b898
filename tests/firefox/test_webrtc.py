"""Channels between Firefox and Chromium, whoever offers: the same certificates, and nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.toolchain.places import ROOT
from tests.firefox.firefox import Firefox
from tests.tabs.browser import Browser, Page, wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.serving import serve
from tests.tabs.test_webrtc import own_address

OPEN = """
    import("/peer_connection.js").then(({{ openPeerConnection }}) => {{
        globalThis.signals = [];
        globalThis.events = [];
        globalThis.connection = openPeerConnection(
            {is_polite}, {is_first}, '{{"iceServers":[]}}', "farewell",
            (event, text, other) => {{
                if (event === "signal") signals.push(text);
                else events.push([event, text, other]);
            }},
        );
        return true;
    }})
"""


@pytest.fixture
def browsers(browser: Firefox, tmp_path: Path) -> Iterator[dict[str, Browser]]:
    """Return one of each kind."""
    own_address()
    chromium = Chromium(tmp_path / "chromium")
    yield {"Firefox": browser, "Chromium": chromium}
    chromium.kill()


def connect(offering: Page, answering: Page) -> list[list[str]]:
    """Open a channel between two pages; return what each told of it."""
    pages = (offering, answering)
    for page, is_first in zip(pages, ("true", "false"), strict=True):
        page.js(OPEN.format(is_polite="false" if is_first == "true" else "true", is_first=is_first))

    def opened() -> list[list[str]]:
        for page, other in (pages, pages[::-1]):
            for signal in page.js("signals.splice(0)"):
                other.js(f"connection.signal({json.dumps(signal)}), true")
        found = [page.js("events.find(([event]) => event === 'open') ?? null") for page in pages]
        return found if all(found) else []

    result: list[list[str]] = wait_until(opened, "an open channel")
    return result


@pytest.mark.parametrize("offering", ["Firefox", "Chromium"])
def test_firefox_and_chromium_open_a_channel_and_close_it_with_nothing_lost(browsers, offering) -> None:
    """Either may offer; 900 KB sent before the end arrive before it."""
    with serve({"/": ROOT / "js_glue" / "src"}) as url:
        one, other = [
            browsers[name].open(f"{url}peer_connection.js")
            for name in sorted(browsers, key=lambda name: name != offering)
        ]
        (_, local, remote), (_, other_local, other_remote) = connect(one, other)
        assert local.startswith("sha-256 ")
        assert (local, remote) == (other_remote, other_local)
        wait_until(lambda: "host" in one.js("connection.statistics()"), "statistics")
        one.js("""{
            for (let number = 0; number < 15; number++) connection.send(`${number}`.padEnd(60_000, "x"));
            connection.close();
        }""")
        wait_until(lambda: other.js("events.at(-1)[0] === 'closed'"), "the end")
        heard = "events.filter(([event]) => event === 'message').map(([, text]) => text)"
        messages = other.js(f"{heard}.map((text) => [parseInt(text, 10), text.length])")
        assert messages == [[number, 60_000] for number in range(15)]
