"""Measures what the project promises to be fast, in real tabs: figures beside goals, nothing asserted.

`figures` holds what was measured and its table, `browser` the tabs, `pages` what
they run. Every other module is one benchmark: its `measure` yields figures.
`command` is `python3 tests benchmarks`.
"""
