"""The contracts of the seams, kept by what the browser itself provides."""

from __future__ import annotations


def test_the_broadcast_channel_transport_keeps_the_promise(installed_page) -> None:
    """The contract suite holds over a real BroadcastChannel; where there is none, the error says so."""
    assert installed_page.python("""
        import asyncio
        import js
        from webraft_web.core.errors import TransportError
        from webraft_web.testing import check_transport
        from webraft_web.transports.broadcast_channel import BroadcastChannelTransport

        async def open_transport(address, on_text):
            return BroadcastChannelTransport("contract", address, on_text)

        try:
            await asyncio.wait_for(check_transport(open_transport), 20)
            outcome = "kept"
        except TransportError as error:
            outcome = str(error)
        outcome == "kept" if hasattr(js, "BroadcastChannel") else "cannot be opened here" in outcome
    """)


def test_the_journal_keeps_the_promise(installed_page) -> None:
    """The contract suite holds over a real IndexedDB, fence included; without one, the error says so."""
    assert installed_page.python("""
        import asyncio
        from webraft_web.core.errors import StorageError
        from webraft_web._browser import BrowserPlatform
        from webraft_web.storage.indexed_db import JournalStorage
        from webraft_web.testing import check_storage

        platform = BrowserPlatform()

        async def open_storage(name):
            opened = asyncio.get_running_loop().create_future()
            platform.open_journal(name, opened.set_result)
            store = await opened
            if isinstance(store, StorageError):
                raise store
            taken_over = asyncio.get_running_loop().create_future()
            storage = JournalStorage(store)
            storage.take_over(taken_over.set_result)
            await taken_over
            return storage

        try:
            await asyncio.wait_for(check_storage(open_storage, fenced=True), 20)
            outcome = "kept"
        except StorageError as error:
            outcome = str(error)
        outcome == "kept" if platform.has_journals else "IndexedDB is missing" in outcome
    """)


def test_timers_fire_in_order_and_not_before_their_time(installed_page) -> None:
    """The page's clock keeps its promise, with a worker or without."""
    fired = installed_page.python("""
        import asyncio
        from webraft_web._browser import shared_clock

        clock, fired, done = shared_clock(), [], asyncio.get_running_loop().create_future()
        began = clock.now_ms()

        def timer(name, delay_ms):
            def fire():
                fired.append((name, clock.now_ms() - began >= delay_ms))
                if name == "last":
                    done.set_result(None)

            timer = clock.timer(fire)
            timer.set(began + delay_ms)
            return timer

        wishes = {"last": 60, "first": 20, "moved": 5, "closed": 9}
        last, first, moved, closed = [timer(name, delay_ms) for name, delay_ms in wishes.items()]
        moved.set(began + 40)
        closed.close()
        await done
        clock.call_soon(lambda: fired.append("soon"))
        fired.append("now")
        await asyncio.sleep(0)
        fired
    """)
    assert fired == [["first", True], ["moved", True], ["last", True], "now", "soon"]
