"""The public API as typed code: mypy alone reads it, and fails if a name or a signature changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, assert_type

from webraft_web import (
    BroadcastChannelNode,
    Committed,
    CopyAndPaste,
    Emitter,
    LocalStorageHandlers,
    MemoryStorage,
    NodeInstance,
    RaftInterface,
    SharedDocument,
    WebraftError,
    WebRTCNode,
    delete_room,
    export_room,
    join_room,
    list_rooms,
    new_secret,
    peer,
)


async def rooms_across_browsers() -> None:
    """Rooms that several browsers share, met by a server or by hand."""
    by_hand = CopyAndPaste()
    doc = await join_room(
        "trip", signaling=["wss://x", by_hand], secret=new_secret(), ice_servers=[{"urls": "stun:x"}]
    )
    assert_type(doc.invite_link(), str)
    assert_type(await by_hand.create_offer(), str)
    assert_type(await by_hand.answer_offer("text"), str)
    await by_hand.accept_answer("text")
    await doc.recover()
    await doc.yield_to("cluster")
    await doc.leave_room()


async def rooms() -> None:
    """Rooms, as API's first chapter has them."""
    doc = await join_room(
        "kanban", initial={"cards": []}, signaling=(), secret=None, voters=5, storage="indexeddb"
    )
    assert_type(doc, SharedDocument)
    assert_type(await doc.patch([{"op": "add", "path": "/cards/-", "value": "milk"}], timeout=100), Committed)
    state: Any = await doc.update(lambda state: {**state, "n": 1}, timeout=None)
    state = await doc.read(timeout=1.5)
    state = doc.state
    state = doc.get("/cards/0")
    assert_type(doc.version, int)
    async for state in doc.changes():
        assert_type(state, Any)
    unlisten = doc.listen("updated", lambda index: None)
    unlisten()
    assert_type(doc.status(), dict[str, Any])
    async with doc:
        await doc.close()
    await doc.leave_room()
    assert_type(await list_rooms(), list[str])
    assert_type(await export_room("kanban"), str)
    await delete_room("kanban")


class Link(NodeInstance):
    """A transport of one's own."""

    def write(self, payload: Any) -> None:
        """Send it."""


class Server(RaftInterface):
    """A server with it, and with timeouts of its own."""

    def create_instance(self, address: str) -> NodeInstance:
        """Open a link."""
        if address.startswith("far"):
            servers = [{"urls": "stun:stun.example.org"}]
            return WebRTCNode(address, self, room="r", secret="s", signaling=["wss://x"], ice_servers=servers)
        return Link(address, self) if address.startswith("own") else BroadcastChannelNode(address, self)

    @property
    def election_timeout(self) -> float:
        """A candidate's wait."""
        return 150.5


async def servers() -> None:
    """webraft's API in Python's spelling."""
    server = Server("a", members=["a", "b"], storage=MemoryStorage())
    assert isinstance(server, Emitter)
    server.join("b")
    server.leave("b")
    server.got_data("b", {"any": "payload"})
    server.nodes["b"].got_data({"any": "payload"})
    unlisten = server.listen("apply", lambda entry, index, done: done())
    unlisten()
    server.listen_once("updated", repr)
    server.unlisten("updated", repr)
    committed = await server.propose({"any": "command"})
    assert_type(committed, Committed)
    assert_type((committed.term, committed.index), tuple[int, int])
    assert_type(server.is_leader, bool)
    assert_type(server.state, str)
    assert_type(server.leader_id, str | None)
    assert_type((server.current_term, server.commit_index, server.last_applied), tuple[int, int, int])
    assert_type(server.nodes, dict[str, NodeInstance])
    LocalStorageHandlers(server, key=None, url=None)
    try:
        await server.yield_to("cluster")
    except WebraftError:
        await server.close()


async def processes() -> None:
    """The same document, for a program outside of browsers."""
    doc = await peer.join_room(
        "trip",
        store=Path("rooms"),
        initial=[],
        signaling=["wss://signaling.example.org"],
        secret="s",
        ice_servers=[{"urls": "stun:stun.example.org"}],
        voters=3,
        may_found=True,
    )
    assert_type(doc, SharedDocument)
    assert_type(await peer.join_room(link=doc.invite_link(), signaling=["wss://x"]), SharedDocument)
    assert_type(await peer.list_rooms(store="rooms"), list[str])
    assert_type(await peer.export_room("trip"), str)
    await peer.delete_room("trip")
    await peer.say_goodbye()
