"""Links between pages of different browsers: two browser processes, each with a profile of its own."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.signaling import serve_forever
from tests.readme import python_block
from tests.tabs.browser import wait_until
from tests.tabs.chromium import Chromium
from tests.tabs.conftest import PythonTab

NOTE_CONNECTIONS = """
    globalThis.connections = [];
    globalThis.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...options) { super(...options); connections.push(this); }
    };
"""
MESH = """
    from webraft_web.transports.keys import new_secret
    from webraft_web.transports.webrtc.opening import open_page_mesh

    heard, closed, errors = [], [], []

    def on_link(link):
        link.on_text = heard.append
        link.on_closed = closed.append

    async def open_mesh(secret, claim, signaling=(), ice_servers=(), relay_only=False):
        return await open_page_mesh(
            "room", secret, signaling=signaling, ice_servers=ice_servers, relay_only=relay_only,
            claim=lambda: claim, on_link=on_link, on_error=lambda error: errors.append(str(error)),
        )
"""


class World:
    """Two browsers: one page in the first, two in the second."""

    def __init__(self, browsers: list[Chromium], site: str, signaling: str) -> None:
        self.browsers = browsers
        self.signaling = signaling
        pages = [browser.blank() for browser in (browsers[0], browsers[1], browsers[1])]
        for page in pages:
            page.before_load(NOTE_CONNECTIONS)
            page.go(f"{site}tab.html")
        self.tabs = [PythonTab(page) for page in pages]


@contextmanager
def signaling_server() -> Iterator[str]:
    """Run the bundled signalling server; gives its URL."""
    loop = asyncio.new_event_loop()
    url: list[str] = []
    is_ready = threading.Event()

    def ready(address: str) -> None:
        url.append(address)
        is_ready.set()

    serving = loop.create_task(serve_forever("127.0.0.1", 0, ready))

    def serve() -> None:
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    assert is_ready.wait(30), "the signalling server did not start"
    try:
        yield url[0]
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join()


def own_address() -> str:
    """Return the address of the interface with the default route, or skip: browsers find no other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("WebRTC needs a network interface with a default route, even within one machine")
        return str(probe.getsockname()[0])


@pytest.fixture(scope="module")
def world(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Return the browsers, which the tests share: each has rooms of its own, and the last kills one."""
    own_address()
    with signaling_server() as signaling:
        browsers = [Chromium(tmp_path_factory.mktemp("profile")) for _ in range(2)]
        try:
            yield World(browsers, site, signaling)
        finally:
            for browser in browsers:
                browser.kill()


@pytest.fixture
def introduced(world: World):
    """Return a page of each browser, linked by two texts that were carried by hand."""
    pair = world.tabs[:2]
    for tab in pair:
        tab.python(MESH)
    one, other = pair
    secret = one.python("secret = new_secret(); mesh = await open_mesh(secret, 'one'); secret")
    other.python(f"mesh = await open_mesh({secret!r}, 'other')")
    offer = one.python("await mesh.create_offer()")
    answer = other.python(f"await mesh.answer_offer({offer!r})")
    one.python(f"await mesh.accept_answer({answer!r})")
    for tab in pair:
        wait_until(lambda tab=tab: tab.python("len(mesh.links)"), "a link by pasting")
    yield pair
    for tab in pair:
        tab.python("mesh.close()")


def test_a_page_without_webrtc_or_with_nonsense_for_servers_is_told_so(world) -> None:
    """Both errors come before anything is opened."""
    tab = world.tabs[2]
    tab.python(MESH)
    asking = """
        from webraft_web import ConfigError
        try:
            await open_mesh(new_secret(), "claim", ice_servers=[{"urls": "http://example.org"}])
        except ConfigError as error:
            answer = str(error)
        answer
    """
    assert "refuses these ICE servers" in tab.python(asking)
    kept = "globalThis.kept"
    tab.page.js(f"{kept} = RTCPeerConnection; delete globalThis.RTCPeerConnection")
    assert "no WebRTC here: pages of browsers have it" in tab.python(asking)
    tab.page.js(f"globalThis.RTCPeerConnection = {kept}")


def test_two_browsers_are_introduced_by_two_texts_and_carry_large_ones(introduced, report) -> None:
    """With no server at all; long texts arrive whole and in order, and goodbye comes after them."""
    one, other = introduced
    assert one.python("[link.claim for link in mesh.links.values()]") == ["other"]
    sizes = one.python("""
        import time

        begin = time.monotonic()
        (link,) = mesh.links.values()
        texts = [chr(0x61 + n) * 1_000_000 for n in range(15)] + ["é€\U0001f600" * 100_000]
        for text in texts:
            link.send(text)
        statistics = link.statistics()
        [statistics["waiting_bytes"] > 1_000_000, statistics["texts_lost"]]
    """)
    assert sizes == [True, 0]
    wait_until(lambda: other.python("len(heard)") == 16, "all texts")
    seconds = one.python("time.monotonic() - begin")
    report(f"WebRTC between browsers: 16 MB in {seconds:.2f} s")
    assert other.python("[(text[0], len(text)) for text in heard]") == [
        *([chr(0x61 + number), 1_000_000] for number in range(15)),
        ["é", 300_000],
    ]
    other.python("(link,) = mesh.links.values(); link.send('well received')")
    wait_until(lambda: one.python("heard == ['well received']"), "an answer")
    wait_until(lambda: one.python("link.statistics().get('rtt_ms', 0)"), "a measured round trip")
    one.python("""
        link.send("x" * 300_000)
        link.send("last words")
        mesh.close("closing time")
    """)
    wait_until(lambda: other.python("closed"), "the goodbye")
    assert other.python("[closed, heard[-1], [len(text) for text in heard[-2:]]]") == [
        ["closing time"],
        "last words",
        [300_000, 10],
    ]
    assert one.python("closed") == []
    assert other.python("errors") == []


def test_a_new_network_is_met_by_new_ways_within_the_old_link(world) -> None:
    """A page that comes online gathers its addresses again; the link stays, and so do its certificates."""
    pair = world.tabs[:2]
    for tab in pair:
        tab.python(MESH)
    one, other = pair
    secret = one.python("new_secret()")
    for tab in pair:
        tab.python(f"mesh = await open_mesh({secret!r}, 'claim', [{world.signaling!r}])")
    for tab in pair:
        wait_until(lambda tab=tab: tab.python("len(mesh.links)"), "a link by the signalling server")
    ufrag = "connections.at(-1).currentLocalDescription.sdp.match(/ice-ufrag:(.*)/)[1]"
    before = [tab.page.js(ufrag) for tab in pair]
    count = [tab.page.js("connections.length") for tab in pair]
    one.page.js("dispatchEvent(new Event('online')), 1")
    for tab, old in zip(pair, before, strict=True):
        wait_until(lambda tab=tab, old=old: tab.page.js(ufrag) != old, "new ways to a page")
    one.python("(link,) = mesh.links.values(); link.send('still here')")
    wait_until(lambda: other.python("heard"), "a text after the restart")
    assert [tab.python("[closed, errors, len(mesh.links)]") for tab in pair] == [[[], [], 1]] * 2
    assert [tab.page.js("connections.length") for tab in pair] == count
    for tab in pair:
        tab.python("mesh.close()")


@contextmanager
def turn_server(directory: Path) -> Iterator[dict[str, str]]:
    """Run coturn at this machine's own address; gives the ICE server."""
    program = shutil.which("turnserver")
    if program is None:
        pytest.skip("links through a TURN server need coturn: apt-get install coturn")
    address = own_address()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    options = [
        *("-n", "--no-cli", "--no-tls", "--no-dtls", "--lt-cred-mech", "--realm=test", "--user=ann:pass"),
        *(f"--listening-ip={address}", f"--relay-ip={address}", f"--listening-port={port}"),
        *("--log-file=stdout", f"--pidfile={directory / 'pid'}", f"--userdb={directory / 'users'}"),
    ]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield {"urls": f"turn:{address}:{port}", "username": "ann", "credential": "pass"}
    finally:
        server.kill()
        server.wait()


@pytest.mark.long
def test_pages_that_reach_nobody_are_linked_through_a_turn_server(world, tmp_path) -> None:
    """With relays alone allowed, a real TURN server carries the link, and neither page shows its address."""
    one, other = world.tabs[:2]
    with turn_server(tmp_path) as server:
        for tab in (one, other):
            tab.python(MESH)
        secret = one.python("new_secret()")
        for tab in (one, other):
            servers = f"[{world.signaling!r}], [{server!r}]"
            tab.python(f"mesh = await open_mesh({secret!r}, 'claim', {servers}, relay_only=True)")
        for tab in (one, other):
            wait_until(lambda tab=tab: tab.python("len(mesh.links)"), "a link through the TURN server")
        one.python("(link,) = mesh.links.values(); link.send('x' * 1_000_000)")
        wait_until(lambda: other.python("[len(text) for text in heard] == [1_000_000]"), "a text")
        wait_until(lambda: one.python("'remote' in link.statistics()"), "statistics")
        assert one.python("[link.statistics()[end] for end in ('local', 'remote')]") == ["relay", "relay"]
        for tab in (one, other):
            tab.python("mesh.close()")


def test_servers_in_two_browsers_elect_replicate_and_survive_a_browser(world) -> None:
    """README's example in three pages: the leader's browser is killed, and the two others go on."""
    example = python_block("WebRTCNode").replace("ws://127.0.0.1:4444", world.signaling)
    opened = dict(zip(["ann", "bob", "eve"], world.tabs, strict=True))
    starting = [
        tab.start(example.replace('address = "ann"', f'address = "{address}"'))
        for address, tab in opened.items()
    ]
    for one in starting:
        one.result()

    def stored() -> list[object]:
        return [tab.python("handlers.data") for tab in opened.values()]

    wait_until(lambda: stored() == [{"milk": 2}] * 3, "the first change in all pages")
    (leader,) = [address for address, tab in opened.items() if tab.python("raft.is_leader")]
    if leader != "ann":
        opened[leader].python("await raft.transfer_leadership('ann')")
    world.browsers[0].kill()
    del opened["ann"]
    leader = wait_until(
        lambda: next((tab for tab in opened.values() if tab.python("raft.is_leader")), None), "another leader"
    )
    leader.python("await raft.propose([{'op': 'add', 'path': '/bread', 'value': 1}])")
    wait_until(
        lambda: stored() == [{"milk": 2, "bread": 1}] * 2, "the second change in the pages that are left"
    )
    claims = "[link['claim'] for link in raft.nodes['eve'].status()['links'].values()]"
    assert "eve" in opened["bob"].python(claims)
    opened.pop("eve").page.close()
    wait_until(lambda: "eve" not in opened["bob"].python(claims), "the goodbye of a closed tab")
