"""Signalling servers in one program and in virtual time, at the other end of sockets that nobody opened."""

from __future__ import annotations

import asyncio
import json
import random
from urllib.parse import parse_qs, urlsplit

from webraft_web.clock import AsyncioClock
from webraft_web.transports.signaling.strategies import strategy_for


class Socket:
    """A client's end; the server's end is `tell` and `drop`."""

    def __init__(self, server, url, on_open, on_text, on_closed):
        self.server, self.url = server, url
        self._on_open, self._on_text, self._on_closed = on_open, on_text, on_closed
        self.is_open = False
        self.is_over = False
        self.sent = []

    def send(self, text):
        self.sent.append(text)
        if self.is_open:
            self._soon(self.server.take, self, text)

    def close(self):
        self.is_over = True
        self._leave()

    def opened(self):
        self.is_open = True
        self._on_open()
        self.server.greet(self)

    def tell(self, message):
        self._soon(self._hear, message if isinstance(message, str) else json.dumps(message))

    def _hear(self, text):
        if not self.is_over:
            self._on_text(text)

    def drop(self, why="dropped"):
        if not self.is_over:
            self.is_over = True
            self._leave()
            self._on_closed(why)

    def _leave(self):
        if self.is_open:
            self.is_open = False
            self.server.left(self)

    @staticmethod
    def _soon(call, *arguments):
        asyncio.get_running_loop().call_soon(call, *arguments)


class Server:
    """Accepts sockets, unless it is down, and says nothing."""

    def __init__(self):
        self.sockets = []
        self.attempts = []
        self.is_down = False
        self.came = asyncio.Event()

    def open(self, url, on_open, on_text, on_closed):
        socket = Socket(self, url, on_open, on_text, on_closed)
        loop = asyncio.get_running_loop()
        self.attempts.append(loop.time())
        loop.call_soon(self._answer, socket)
        return socket

    def strategy(self, url, seed=1):
        return strategy_for(url, AsyncioClock(), random.Random(seed), open_socket=self.open)

    def _answer(self, socket):
        if self.is_down:
            socket.drop("refused")
        elif not socket.is_over:
            self.sockets.append(socket)
            self.came.set()
            socket.opened()

    async def until_somebody_came(self):
        while not self.sockets:
            self.came.clear()
            await self.came.wait()

    def drop_all(self):
        for socket in list(self.sockets):
            socket.drop()

    def greet(self, socket):
        pass

    def take(self, socket, text):
        pass

    def left(self, socket):
        if socket in self.sockets:
            self.sockets.remove(socket)


class TopicServer(Server):
    """What npm `y-webrtc` and Trystero's relay do."""

    def __init__(self):
        super().__init__()
        self.subscribed = []

    def take(self, socket, text):
        message = json.loads(text)
        if message["type"] == "subscribe":
            topics = message["topics"] if "topics" in message else [message["topic"]]
            self.subscribed += [(socket, topic) for topic in topics]
        elif message["type"] == "publish":
            for other, topic in self.subscribed:
                if topic == message["topic"]:
                    other.tell({key: value for key, value in message.items() if key != "type"})
        elif message["type"] == "ping":
            socket.tell({"type": "pong"})


class PeerServer(Server):
    """What npm `peer` does: ids with tokens, messages to absent ids wait and expire."""

    def __init__(self):
        super().__init__()
        self.clients = {}
        self.waiting = []

    @staticmethod
    def query(socket):
        return {name: values[0] for name, values in parse_qs(urlsplit(socket.url).query).items()}

    def greet(self, socket):
        query = self.query(socket)
        if query["key"] != "peerjs":
            socket.tell({"type": "ERROR", "payload": {"msg": "Invalid key provided"}})
            asyncio.get_running_loop().call_soon(socket.drop)
            return
        holder = self.clients.get(query["id"])
        if holder is not None and self.query(holder)["token"] != query["token"]:
            socket.tell({"type": "ID-TAKEN", "payload": {"msg": "ID is taken"}})
            asyncio.get_running_loop().call_soon(socket.drop)
            return
        self.clients[query["id"]] = socket
        if holder is None:
            socket.tell({"type": "OPEN"})
        for message in [message for message in self.waiting if message["dst"] == query["id"]]:
            self.waiting.remove(message)
            socket.tell(message)

    def take(self, socket, text):
        message = json.loads(text)
        sender = self.query(socket)["id"]
        if self.clients.get(sender) is not socket or message["type"] == "HEARTBEAT":
            return
        message["src"] = sender
        receiver = self.clients.get(message["dst"])
        if receiver is not None:
            receiver.tell(message)
        else:
            self.waiting.append(message)
            asyncio.get_running_loop().call_later(5, self._expire, message)

    def _expire(self, message):
        if message in self.waiting:
            self.waiting.remove(message)
            sender = self.clients.get(message["src"])
            if sender is not None:
                sender.tell({"type": "EXPIRE", "src": message["dst"], "dst": message["src"]})

    def left(self, socket):
        super().left(socket)
        for client_id in [client_id for client_id, holder in self.clients.items() if holder is socket]:
            del self.clients[client_id]
