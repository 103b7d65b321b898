"""What tabs run in benchmarks. Times are milliseconds by the page's own clock."""

import asyncio

import js
from pyodide.code import run_js

from webraft_web import OutcomeUnknownError, join_room

ROOM = "benchmark"
PATIENCE_MS = 20_000

# Timers of hidden pages run once a second or once a minute, a worker's do not.
rest = run_js("""
const clock = new Worker(
  URL.createObjectURL(new Blob(["onmessage = ({ data: ms }) => setTimeout(postMessage, ms, 0);"])),
);
(ms) => new Promise((resolve) => {
  clock.onmessage = resolve;
  clock.postMessage(ms);
});
""")


def now():
    return js.performance.now()


async def write(doc, key, value, **options):
    await doc.patch([{"op": "add", "path": f"/{key}", "value": value}], **options)


async def time_writes(doc, key, count):
    """Write one after the other; returns when each began and was acknowledged."""
    times = []
    for number in range(count):
        begun = now()
        await write(doc, key, number)
        times.append((begun, now()))
    return times


async def write_many(doc, key, count, outstanding):
    """Write so many times, with so many writes under way."""
    numbers = iter(range(count))

    async def work():
        for number in numbers:
            await write(doc, key, number)

    await asyncio.gather(*(work() for _ in range(outstanding)))


async def write_at_rate(doc, name, outstanding, duration_ms):
    """Have so many writes under way all the time; returns how many were acknowledged in a second."""
    begun = now()

    async def work(key):
        count = 0
        while now() < begun + duration_ms:
            await write(doc, key, count)
            count += 1
        return count

    counts = await asyncio.gather(*(work(f"{name}{number}") for number in range(outstanding)))
    return sum(counts) * 1000 / (now() - begun)


async def write_every_second(doc, key, count):
    """Write each second; returns how long each write took, None if it was not acknowledged in time."""
    latencies = []
    for number in range(count):
        begun = now()
        try:
            await write(doc, key, number, timeout=PATIENCE_MS)
        except OutcomeUnknownError:
            latencies.append(None)
        else:
            latencies.append(now() - begun)
        await rest(max(0, begun + 1000 - now()))
    return latencies


class Writer:
    """Writes without a pause until it is stopped; `acknowledged` has the times at which writes were."""

    def __init__(self, doc):
        self.acknowledged = []
        self._is_stopped = False
        self._writing = asyncio.ensure_future(self._write(doc))

    async def stop(self):
        self._is_stopped = True
        await self._writing

    async def _write(self, doc):
        number = 0
        while not self._is_stopped:
            number += 1
            await write(doc, "ticks", number)
            self.acknowledged.append(now())


class Watcher:
    """Notes in `seen` each value of a key with the time at which the document had it."""

    def __init__(self, doc, key):
        self.seen = []
        self._doc = doc
        self._key = key
        self.stop = doc.listen("updated", self._note)

    def _note(self):
        at = now()
        self.seen.append((self._doc.get(f"/{self._key}"), at))


async def use_all(doc, name, duration_ms):
    """Do all that a page may do with a room, again and again; returns how often something was done."""
    begun = now()
    count = 0

    def add(state):
        numbers = state.setdefault("numbers", [])
        numbers.append(count)
        del numbers[:-100]

    while now() < begun + duration_ms:
        await write(doc, name, count)
        await doc.update(add)
        await doc.read()
        handle = await join_room(ROOM)
        unlisten = handle.listen("updated", lambda: None)
        await write(handle, name, "x" * 100)
        unlisten()
        await handle.close()
        count += 5
        if count % 50 == 0:
            other = await join_room(f"{name}'s own")
            await write(other, "count", count)
            await other.close()
            count += 2
    return count
