"""etcd's interaction scenarios, run against this core: `python3 tests scenarios [DIR…]`.

A scenario is a text file of commands and the output that each must have. `datadriven`
reads such files, `environment` carries their commands out on a few servers (`node`),
`describe` says what happens in etcd's words, `verdict` compares, `command` reports.
"""
