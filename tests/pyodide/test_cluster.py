"""Servers inside one Pyodide: webraft's API on WebLoop, without a network."""

from __future__ import annotations

CLUSTER = """
    import asyncio
    from webraft_web import NodeInstance, RaftInterface

    servers = {}

    class Link(NodeInstance):
        def write(self, payload):
            if self.address in servers:
                servers[self.address].got_data(self.raft.address, payload)

    class Server(RaftInterface):
        def create_instance(self, address):
            return Link(address, self)

    addresses = ["a", "b", "c"]
    applied = {address: [] for address in addresses}
    for address in addresses:
        servers[address] = Server(address, members=addresses)

        def apply(entry, index, done, address=address):
            applied[address].append(entry)
            done()

        servers[address].listen("apply", apply)
    for server in servers.values():
        for address in addresses:
            if address != server.address:
                server.join(address)

    async def until(condition):
        while not condition():
            await asyncio.sleep(0.01)

    def leaders():
        return [server for server in servers.values() if server.is_leader]
"""


def test_three_servers_elect_replicate_and_fail_over(installed_page) -> None:
    """Proposals reach every server in order, before and after the leader is gone."""
    installed_page.python(CLUSTER)
    installed_page.python("""
        await until(leaders)
        for number in range(10):
            await servers[addresses[number % 3]].propose({"number": number})
        await until(lambda: all(len(entries) == 10 for entries in applied.values()))
        gone = leaders()[0]
        del servers[gone.address]
        await gone.close()
        await until(leaders)
        await leaders()[0].propose({"number": 10})
        await until(lambda: all(len(applied[address]) == 11 for address in servers))
    """)
    applied = installed_page.python(
        "[[entry['number'] for entry in applied[address]] for address in servers]"
    )
    assert applied == [list(range(11))] * 2
    installed_page.python("for server in servers.values(): await server.close()")


def test_what_needs_browser_tabs_says_so_where_there_are_none(installed_page) -> None:
    """A room can only be joined where there are Web Locks and IndexedDB; the error tells what is missing."""
    has_locks = installed_page.python("""
        import js
        hasattr(js, "navigator") and hasattr(js.navigator, "locks") and hasattr(js, "indexedDB")
    """)
    outcome = installed_page.python("""
        from webraft_web import ConfigError, StorageError, join_room
        try:
            async with await join_room("room", initial={"n": 1}) as doc:
                outcome = doc.state["n"]
        except (ConfigError, StorageError) as error:
            outcome = str(error)
        outcome
    """)
    assert outcome == 1 if has_locks else "https" in outcome or "IndexedDB" in outcome
