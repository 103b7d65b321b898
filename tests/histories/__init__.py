"""Linearizability: what clients saw, checked against what one copy of the data would have shown them.

`recorder` records a history, `checker` decides about it by a model from
`models`, `jepsen` reads histories recorded elsewhere, and `command` is
`python3 tests histories`.
"""
