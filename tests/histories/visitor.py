"""One who uses a shared document and writes down what happened, for a history of the model `document`.

Runs in simulated tabs and, as source text, in real ones, so it imports only
what is there.
"""

import random

from webraft_web import NotLeaderError, OverloadedError, PatchConflictError, WebraftError

COUNTERS = ("n0", "n1")
REGISTERS = ("r0", "r1")


async def visit(doc, name, count, now, records, *, seed=0, rest=None):
    """Do `count` operations, one after the other.

    Args:
        doc: The document, at first `{}`.
        name: Of this process.
        count: How many.
        now: Returns the time, on a scale of this process's own.
        records: A list that takes the fields of each `Operation` when it is called for; one
            that has not returned has an unknown outcome.
        seed: Of what it chooses to do.
        rest: Awaited between operations.
    """
    chance = random.Random(f"{seed} {name}")
    for number in range(count):
        asked, perform = _choose(doc, chance, f"{name}.{number}")
        record = {"process": name, "call": now(), "returned": None, "input": asked, "output": None}
        records.append(record)
        try:
            output = await perform()
        except PatchConflictError:
            output = False
        except (NotLeaderError, OverloadedError):
            records.remove(record)  # it certainly has no effect
            continue
        except WebraftError:
            continue
        record["output"] = output
        record["returned"] = now()
        if rest is not None:
            await rest()


def _choose(doc, chance, value):
    """Choose what to do; returns the input as the model takes it, and a function that does it."""
    key = chance.choice(COUNTERS + REGISTERS)
    kind = chance.choice(["read", "read all", "write", "write"])
    if kind == "read all":
        return ["read", ""], doc.read
    if kind == "read":

        async def read():
            return (await doc.read()).get(key)

        return ["read", f"/{key}"], read
    if key in COUNTERS:

        async def increment():
            return (await doc.update(lambda state: {**state, key: state.get(key, 0) + 1}))[key]

        return ["increment", f"/{key}", 1], increment
    operations = [{"op": "add", "path": f"/{key}", "value": value}]
    if chance.random() < 0.5:  # only if what was seen here, which may be old, is still so
        operations.insert(0, {"op": "test", "path": f"/{key}", "value": doc.get(f"/{key}")})

    async def patch():
        await doc.patch(operations)
        return True

    return ["patch", operations], patch
