"""PeerJS's server, which knows ids but no topics: so one page holds an id that all pages of a topic know.

Each page has an id made of its own; the *lobby* is an id made of the topic. Who
asks for the lobby when it is free gets it, and from then on hands what is posted
to everybody on to all pages that it has heard from. The others check in with it
every now and then; the server tells them when nobody holds it any more, and then
they ask for it themselves. A page that has got the lobby does not know yet who is
there: it repeats to each page that checks in what it posted to everybody last.

Whoever holds the lobby can at worst keep texts back, as the server can.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from webraft_web.transports.allowance import Allowance
from webraft_web.transports.signaling.base import MAX_TEXT, OnState, OnText
from webraft_web.transports.signaling.connection import Connection, Place

_LONGEST_FRAME: Final = MAX_TEXT + 1024
_PAGE_ID: Final = re.compile(r"webraft-[0-9a-f]{32}")
_LONGEST_REASON: Final = 300
_CHECK_IN_MS: Final = 10_000
_FORGET_MS: Final = 35_000
_MOST_MEMBERS: Final = 128
_RELAYED: Final = "OFFER"
"""The type of what we send: the server looks no further, and waits a little for who is away."""


class PeerJSStrategy:
    """A server for PeerJS.

    Args:
        url: What `status()` calls it.
        place: Its address: the path up to what the server was mounted at, and the key as query.
    """

    def __init__(self, url: str, place: Place) -> None:
        self.url = url
        self._place = place

    def open(self, topic: str, page: str, on_text: OnText, on_state: OnState) -> PeerJSPort:
        return PeerJSPort(self._place, topic, page, on_text, on_state)


class PeerJSPort:
    """A page's id, and the lobby's if this page holds it."""

    def __init__(self, place: Place, topic: str, page: str, on_text: OnText, on_state: OnState) -> None:
        self._place = place
        self._clock = place.clock
        self._on_text = on_text
        self._on_state = on_state
        self._token = secrets.token_hex(8)
        self._page_id = f"webraft-{page}"
        self._lobby_id = f"webraft-lobby-{topic}"
        self._is_connected = False
        self._why = ""
        self._last_post = ""
        self._is_guest = False  # somebody else holds the lobby
        self._members: dict[str, int] = {}
        self._forwarding = Allowance(4, 64, self._clock.now_ms())
        self._timer = self._clock.timer(self._wake)
        self._lobby: _Client | None = None
        self._client = _Client(
            place,
            self._page_id,
            self._token,
            on_open=self._opened,
            on_message=lambda _, text: self._on_text(text),
            on_absent=self._absent,
            on_closed=self._changed,
        )

    def post(self, text: str, to: str = "") -> None:
        if not self._is_connected:
            return
        if to:
            self._client.send(f"webraft-{to}", text)
            return
        self._last_post = text
        if self._is_guest:
            self._client.send(self._lobby_id, text)
        else:
            self._forward(text, self._page_id)

    def close(self) -> None:
        self._timer.close()
        for client in (self._client, self._lobby):
            if client is not None:
                client.close()

    def _opened(self) -> None:
        if self._is_guest:
            self._wake()
        elif self._lobby is None:
            self._ask_for_lobby()
        self._changed("")

    def _ask_for_lobby(self) -> None:
        self._is_guest = False
        self._lobby = _Client(
            self._place,
            self._lobby_id,
            self._token,
            on_open=self._got_lobby,
            on_message=self._checked_in,
            on_absent=self._absent,
            on_closed=self._changed,
            on_taken=self._lobby_is_taken,
        )

    def _got_lobby(self) -> None:
        self._timer.set(self._clock.now_ms() + _CHECK_IN_MS)
        self._changed("")

    def _lobby_is_taken(self) -> None:
        if self._lobby is not None:
            self._lobby.close()
            self._lobby = None
        self._is_guest = True
        self._wake()
        self._changed("")

    def _wake(self) -> None:
        """Check in with the lobby, or forget who has not."""
        now_ms = self._clock.now_ms()
        if self._is_guest:
            self._client.send(self._lobby_id, "")
        self._members = {page: at_ms for page, at_ms in self._members.items() if now_ms - at_ms < _FORGET_MS}
        self._timer.set(now_ms + _CHECK_IN_MS)

    def _absent(self, client_id: str) -> None:
        self._members.pop(client_id, None)
        if self._is_guest and client_id == self._lobby_id:
            self._ask_for_lobby()
            self._changed("nobody passes on what is for everybody")

    def _checked_in(self, client_id: str, text: str) -> None:
        if client_id == self._page_id or not _PAGE_ID.fullmatch(client_id):
            return
        now_ms = self._clock.now_ms()
        is_new = client_id not in self._members
        if is_new and len(self._members) >= _MOST_MEMBERS:
            return
        self._members[client_id] = now_ms
        if is_new and self._last_post:
            self._client.send(client_id, self._last_post)
        if text:
            if self._forwarding.take(now_ms):
                self._forward(text, client_id)
            self._on_text(text)

    def _forward(self, text: str, sender: str) -> None:
        for member in self._members:
            if member != sender:
                self._client.send(member, text)

    def _changed(self, why: str) -> None:
        """Tell whether both ways are there: to one page, and to everybody."""
        holds_lobby = self._lobby is not None and self._lobby.is_open
        is_connected = self._client.is_open and (self._is_guest or holds_lobby)
        why = "" if is_connected else why
        if (is_connected or why) and (is_connected, why) != (self._is_connected, self._why):
            self._is_connected, self._why = is_connected, why
            self._on_state(is_connected, why)


class _Client:
    """An id at the server, as long as somebody keeps it.

    Args:
        place: The server's.
        client_id: The id to ask for.
        token: Proves to the server that a lost connection was ours.
        on_open: Called each time the id is ours.
        on_message: Gets the id of a sender, which the server vouches for, and the text.
        on_absent: Gets an id that nobody holds, though something was sent to it.
        on_closed: Gets why the id is not ours for now.
        on_taken: Called if the id is somebody else's; without it, that is one more failed attempt.
    """

    def __init__(
        self,
        place: Place,
        client_id: str,
        token: str,
        *,
        on_open: Callable[[], None],
        on_message: Callable[[str, str], None],
        on_absent: Callable[[str], None],
        on_closed: Callable[[str], None],
        on_taken: Callable[[], None] | None = None,
    ) -> None:
        self.is_open = False
        self._id = client_id
        self._on_open = on_open
        self._on_message = on_message
        self._on_absent = on_absent
        self._on_closed = on_closed
        self._on_taken = on_taken
        self._connection = Connection(
            replace(place, url=_client_url(place.url, client_id, token)),
            ping=self._ping,
            on_open=self._ping,
            on_text=self._heard,
            on_closed=self._closed,
        )

    def send(self, client_id: str, text: str) -> None:
        self._send({"type": _RELAYED, "dst": client_id, "payload": text})

    def close(self) -> None:
        self.is_open = False
        self._connection.close()

    def _send(self, message: Any) -> None:
        self._connection.send(json.dumps(message))

    def _ping(self) -> None:
        # Heartbeats keep the id, but are not answered. What goes to oneself comes back; it also
        # tells that the id is ours when we had not lost it in the server's eyes: no OPEN comes then.
        self._send({"type": "HEARTBEAT"})
        self.send(self._id, "")

    def _heard(self, frame: str) -> None:
        message = _read(frame)
        sender, text = message.get("src"), message.get("payload")
        match message.get("type"):
            case "ID-TAKEN":
                if self._on_taken is not None:
                    self._on_taken()
                else:
                    self._connection.lose("the server says that this page's id is taken")
            case "ERROR":
                self._connection.lose(f"the server refuses: {text}"[:_LONGEST_REASON])
            case "OPEN":
                self._opened()
            case "EXPIRE" if isinstance(sender, str):
                self._on_absent(sender)
            case "OFFER" if isinstance(sender, str) and isinstance(text, str) and len(text) <= MAX_TEXT:
                self._opened()
                if sender != self._id:
                    self._on_message(sender, text)

    def _opened(self) -> None:
        if not self.is_open:
            self.is_open = True
            self._on_open()

    def _closed(self, why: str) -> None:
        self.is_open = False
        self._on_closed(why)


def _read(frame: str) -> dict[str, Any]:
    try:
        message = json.loads(frame) if len(frame) <= _LONGEST_FRAME else None
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}


def _client_url(url: str, client_id: str, token: str) -> str:
    parts = urlsplit(url)
    query = {"key": "peerjs", **dict(parse_qsl(parts.query)), "id": client_id, "token": token, "version": "1"}
    return parts._replace(path=f"{parts.path.rstrip('/')}/peerjs", query=urlencode(query)).geturl()
