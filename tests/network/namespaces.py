"""Networks of one machine's own: namespaces with addresses that reach each other, until they are cut off.

Each computer has an interface into a switch. What serves pages and signalling stays outside:
it is passed on to each computer's loopback, where browsers take it for secure, and so is none of
what is cut. Linux alone has such things, and gives them to root alone.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

_CLONE_NEWNET = 0x40000000
_SWITCH_ADDRESS = "10.77.0.254"
_CHUNK = 65_536
_Result = TypeVar("_Result")


def why_not() -> str:
    """Return why there can be no such networks here, "" if there can."""
    if os.geteuid() != 0:
        return "networks to cut need root"
    if shutil.which("ip") is None:
        return "networks to cut need `ip`, which Debian has in the package iproute2"
    name = f"webraft-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", name], check=False, capture_output=True, text=True)
    if made.returncode:
        return f"network namespaces are not to be had here: {made.stderr.strip()}"
    bridge = ["ip", "-n", name, "link", "add", "switch", "type", "bridge"]
    made = subprocess.run(bridge, check=False, capture_output=True, text=True)
    _ip("netns", "del", name)
    return f"network bridges are not to be had here: {made.stderr.strip()}" if made.returncode else ""


class Computer:
    """A namespace with one interface.

    Args:
        name: The namespace's.
        number: Of its address, from 1 on.
        switch: The namespace that the interface leads to.
    """

    def __init__(self, name: str, number: int, switch: str) -> None:
        self.name = name
        self.address = f"10.77.0.{number}"
        self._switch = switch
        self._port = f"port{number}"
        self._listeners: list[socket.socket] = []
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", switch, "link", "add", self._port, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("-n", switch, "link", "set", self._port, "master", "switch", "up")
        _ip("-n", name, "address", "add", f"{self.address}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", "default", "via", _SWITCH_ADDRESS)

    @property
    def command(self) -> list[str]:
        """What runs a program here."""
        return ["ip", "netns", "exec", self.name]

    def connect(self, port: int) -> socket.socket:
        """Open a socket to a port of this computer's loopback."""
        return self._within(lambda: socket.create_connection(("127.0.0.1", port)))

    def pass_on(self, port: int) -> None:
        """Let what this computer asks of a port of its loopback be answered by the same port outside."""
        listener = self._within(lambda: socket.create_server(("127.0.0.1", port)))
        self._listeners.append(listener)
        threading.Thread(target=_serve, args=(listener, port), daemon=True).start()

    def cut(self) -> None:
        """Pull the cable."""
        _ip("-n", self._switch, "link", "set", self._port, "down")

    def heal(self) -> None:
        """Put the cable back."""
        _ip("-n", self._switch, "link", "set", self._port, "up")

    def remove(self) -> None:
        """Take it away, with all that runs in it."""
        for listener in self._listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        _ip("netns", "del", self.name)

    def _within(self, do: Callable[[], _Result]) -> _Result:
        """Do something in this namespace: a socket belongs to the one where it was made."""
        result: Future[_Result] = Future()

        def work() -> None:
            libc = ctypes.CDLL(None, use_errno=True)
            with Path(f"/run/netns/{self.name}").open("rb") as namespace:
                if libc.setns(namespace.fileno(), _CLONE_NEWNET):
                    result.set_exception(OSError(ctypes.get_errno(), f"cannot enter {self.name}"))
                    return
            try:
                result.set_result(do())
            except OSError as error:
                result.set_exception(error)

        threading.Thread(target=work).start()  # one that ends there: it takes its namespace with it
        return result.result()


@contextmanager
def computers(count: int) -> Iterator[list[Computer]]:
    """Give so many computers on one switch."""
    prefix = f"webraft-{os.getpid()}"
    switch = f"{prefix}-switch"
    made: list[Computer] = []
    _ip("netns", "add", switch)
    try:
        _ip("-n", switch, "link", "add", "switch", "type", "bridge")
        _ip("-n", switch, "address", "add", f"{_SWITCH_ADDRESS}/24", "dev", "switch")
        _ip("-n", switch, "link", "set", "switch", "up")
        for number in range(1, count + 1):
            made.append(Computer(f"{prefix}-{number}", number, switch))  # noqa: PERF401 - each is removed
        yield made
    finally:
        for computer in made:
            computer.remove()
        _ip("netns", "del", switch)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _serve(listener: socket.socket, port: int) -> None:
    while True:
        try:
            inner, _ = listener.accept()
        except OSError:
            return  # the computer is gone
        try:
            outer = socket.create_connection(("127.0.0.1", port))
        except OSError:
            inner.close()
            continue
        threading.Thread(target=_connect, args=(inner, outer), daemon=True).start()


def _connect(inner: socket.socket, outer: socket.socket) -> None:
    with inner, outer:
        back = threading.Thread(target=_carry, args=(outer, inner), daemon=True)
        back.start()
        _carry(inner, outer)
        back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # whichever end goes first, the other one is told
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
