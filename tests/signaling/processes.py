"""Signalling servers as programs of their own, on loopback, and what passes through them."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tests.setup import ROOT, signaling_dir

KINDS = ("y-webrtc", "peerjs", "bundled")


class Program:
    """A server that runs, from the moment that it can be reached."""

    def __init__(self, kind: str, port: int = 0) -> None:
        self.kind = kind
        self.port = port or free_port()
        modules = signaling_dir() / "node_modules"
        commands: dict[str, list[str | Path]] = {
            "y-webrtc": ["node", modules / "y-webrtc" / "bin" / "server.js"],
            "peerjs": [
                *("node", modules / "peer" / "dist" / "bin" / "peerjs.js"),
                # The id of who has gone shows after half a second instead of five.
                *("--host", "127.0.0.1", "--port", str(self.port), "--expire_timeout", "500"),
            ],
            "bundled": [sys.executable, ROOT / "demo", "signaling", "--port", str(self.port)],
        }
        self.process = subprocess.Popen(
            commands[kind],
            env={**os.environ, "PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.output = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line
            if re.search(r"running|Started|signalling server is at", line):
                break
        else:
            raise AssertionError(f"the server {kind} ended at once:\n{self.output}")
        self._reader = threading.Thread(target=self._read_on, daemon=True)
        self._reader.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def _read_on(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output += line

    @property
    def is_running(self) -> bool:
        return self.process.poll() is None

    def end(self) -> int:
        """End it as a terminal would; return its exit code."""
        assert self.process.stdout is not None
        if self.kind == "peerjs":
            self.process.kill()  # it waits for everybody to leave
        self.process.terminate()
        try:
            code = self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        return code


@contextmanager
def program(kind: str, port: int = 0) -> Iterator[Program]:
    """Run a server while the block runs."""
    server = Program(kind, port)
    try:
        yield server
    finally:
        server.end()


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def url_of(kind: str, address: str) -> str:
    """Return what `strategy_for` takes."""
    return f"peerjs+http://{address}" if kind == "peerjs" else f"ws://{address}"


@asynccontextmanager
async def listening(address: str):
    """Yield an address in front of a server's, and a list of everything that passes."""
    frames: list[str] = []

    async def forward(source, target):
        try:
            async for frame in source:
                frames.append(frame if isinstance(frame, str) else frame.decode())
                await target.send(frame)
        except ConnectionClosed:
            pass
        finally:
            await target.close()

    async def carry(client):
        frames.append(client.request.path)
        async with connect(f"ws://{address}{client.request.path}") as server:
            await asyncio.gather(forward(client, server), forward(server, client))

    async with serve(carry, "127.0.0.1", 0) as ear:
        yield f"127.0.0.1:{ear.sockets[0].getsockname()[1]}", frames
