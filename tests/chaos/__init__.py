"""Chaos in real tabs: what happens to them is drawn from a seed, what they saw is checked.

`schedule` draws the actions, `world` performs them on a browser, `pages` hold
what its tabs do meanwhile, `records` takes in what they say and checks it,
`gaps` tells what each kind of action cost, and `command` is `python3 tests chaos`.
"""
