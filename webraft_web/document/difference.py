"""The operations that turn one document into another: what an `update` sends.

Not jsonpatch's `make_patch`: that looks for moves, which costs milliseconds on a
list of hundreds, while an update may have to be computed again on each conflict.
"""

from __future__ import annotations

from typing import Any

from webraft_web.document.values import Json

Operations = list[dict[str, Any]]


def difference(before: Json, after: Json) -> Operations:
    """Return RFC 6902 operations that turn `before` into `after`; none if they are the same.

    The same means the same JSON text up to the order of members: 1, 1.0 and true differ.
    """
    operations: Operations = []
    _compare(before, after, "", operations)
    return operations


def _compare(before: Json, after: Json, path: str, operations: Operations) -> None:
    if type(before) is not type(after):
        operations.append({"op": "replace", "path": path, "value": after})
    elif type(before) is dict:
        _compare_objects(before, after, path, operations)
    elif type(before) is list:
        _compare_arrays(before, after, path, operations)
    elif before != after:
        operations.append({"op": "replace", "path": path, "value": after})


def _compare_objects(
    before: dict[str, Json], after: dict[str, Json], path: str, operations: Operations
) -> None:
    operations.extend({"op": "remove", "path": _join(path, key)} for key in before if key not in after)
    for key, value in after.items():
        if key in before:
            _compare(before[key], value, _join(path, key), operations)
        else:
            operations.append({"op": "add", "path": _join(path, key), "value": value})


def _compare_arrays(before: list[Json], after: list[Json], path: str, operations: Operations) -> None:
    """Keep the common start and end; in between, pair by position and insert or remove the rest."""
    shorter = min(len(before), len(after))
    start = 0
    while start < shorter and _is_same(before[start], after[start]):
        start += 1
    end = 0
    while end < shorter - start and _is_same(before[-1 - end], after[-1 - end]):
        end += 1
    paired_until = shorter - end
    for index in range(start, paired_until):
        _compare(before[index], after[index], f"{path}/{index}", operations)
    surplus = len(before) - end - paired_until
    operations.extend({"op": "remove", "path": f"{path}/{paired_until}"} for _ in range(surplus))
    operations.extend(
        {"op": "add", "path": f"{path}/{index}", "value": after[index]}
        for index in range(paired_until, len(after) - end)
    )


def _is_same(first: Json, second: Json) -> bool:
    if type(first) is not type(second):
        return False
    if type(first) is dict:
        return len(first) == len(second) and all(
            key in second and _is_same(item, second[key]) for key, item in first.items()
        )
    if type(first) is list:
        return len(first) == len(second) and all(map(_is_same, first, second))
    return bool(first == second)


def _join(path: str, key: str) -> str:
    return f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
