"""What each tab does in chaos: two workers use the room, and tell each operation before and after.

Whatever a tab is about to do it has told some time before it begins, so that no
death of the tab or of the browser leaves an effect that nobody has heard of. The
texts go to the binding `tell`; `records` reads them.
"""

import asyncio
import json
import random

import js

from webraft_web import (
    FencedError,
    NotLeaderError,
    OverloadedError,
    PatchConflictError,
    WebraftError,
    join_room,
)

WORKERS = 2
REST_MS = 150
LIST_LENGTH = 100
COUNTERS = ("n0", "n1")
REGISTERS = ("r0", "r1")
TIMEOUTS_MS = (None, None, None, 1000)


def tell(kind, **fields):
    js.tell(json.dumps({"kind": kind, **fields}))


def seen(state, key):
    """Return a key's value as the model has it: a list is the text of its entries."""
    value = state.get(key)
    return "".join(value) if isinstance(value, list) else value


def last_list(doc):
    """Return the list that takes the next entry, as far as this tab knows."""
    number = sum(isinstance(value, list) for value in doc.state.values())
    is_full = number == 0 or len(doc.get(f"/l{number - 1}")) >= LIST_LENGTH
    return f"l{number}" if is_full else f"l{number - 1}"


def choose(doc, name):
    """Choose what to do; returns the input as the model takes it, and a function that does it."""
    kind = random.choice(["append", "append", "append", "increment", "write", "cas", "read", "read"])
    timeout_ms = random.choice(TIMEOUTS_MS)
    if kind == "append":
        key, entry = last_list(doc), f"{name};"
        if random.random() < 0.5 and key in doc.state:
            patch = [{"op": "add", "path": f"/{key}/-", "value": entry}]
            return [kind, key, entry], lambda: doc.patch(patch, timeout=timeout_ms)

        def add(state):
            state.setdefault(key, []).append(entry)

        return [kind, key, entry], lambda: doc.update(add, timeout=timeout_ms)
    if kind == "increment":
        key = random.choice(COUNTERS)

        async def increment():
            return (await doc.update(lambda state: {**state, key: state[key] + 1}, timeout=timeout_ms))[key]

        return [kind, key, 1], increment
    key = random.choice(REGISTERS)
    if kind == "read":
        key = random.choice([key, random.choice(COUNTERS), last_list(doc), last_list(doc)])

        async def read():
            return seen(await doc.read(timeout=timeout_ms), key)

        return [kind, key], read
    patch = [{"op": "replace", "path": f"/{key}", "value": name}]
    if kind == "write":
        return [kind, key, name], lambda: doc.patch(patch, timeout=timeout_ms)
    old = doc.get(f"/{key}")
    patch.insert(0, {"op": "test", "path": f"/{key}", "value": old})

    async def compare_and_set():
        try:
            await doc.patch(patch, timeout=timeout_ms)
        except PatchConflictError:
            return False
        return True

    return [kind, key, old, name], compare_and_set


async def work(doc, worker):
    number = 0
    while not js.isOver:
        number += 1
        name = f"{js.tab}.{worker}.{number}"
        asked, perform = choose(doc, name)
        tell("planned", name=name, input=asked, now=js.performance.now())
        await js.rest(REST_MS * random.random())
        call = js.performance.now()
        try:
            output = await perform()
        except (NotLeaderError, OverloadedError) as error:
            tell("failed", name=name, error=repr(error))
        except PatchConflictError as error:
            tell("broken", error=f"{asked} conflicts, which it cannot: {error!r}")
        except WebraftError as error:
            tell("unknown", name=name, error=repr(error))
        else:
            returned = js.performance.now()
            output = output if asked[0] in ("increment", "read", "cas") else None
            runner = doc.status()["runner"]
            tell("done", name=name, call=call, returned=returned, output=output, runner=runner)


def hear_error(error):
    """Take a takeover for what it is; nothing else should go wrong."""
    if not isinstance(error, FencedError):
        tell("broken", error=f"the room says: {error!r}")


async def join():
    """Join the room, and wait to be let go."""
    try:
        doc = await join_room("chaos", initial=dict.fromkeys(COUNTERS + REGISTERS, 0))
    except BaseException as error:
        tell("broken", error=f"joining failed: {error!r}")
        raise
    doc.listen("error", hear_error)
    js.tab = doc.status()["tab"]
    tell("joined", tab=js.tab)
    await js.mayGo
    return doc


async def use(doc):
    """Work until it is over."""
    try:
        await asyncio.gather(*(work(doc, worker) for worker in range(WORKERS)))
    except BaseException as error:
        tell("broken", error=repr(error))
        raise
    tell("over")
