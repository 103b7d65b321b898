"""The Raft algorithm, sans-I/O. Everything here revolves around `raft.Raft`.

Inputs are method calls (`step` a message, `tick` the time, `propose` commands),
the output is one batch of work at a time (`ready`, then `advance`). There is no
clock, no randomness, no asyncio, no json and no JavaScript here: the same
inputs give the same outputs, and mypyc compiles these files unchanged. Compiled,
a call with an argument of the wrong type raises TypeError in BadArgumentError's
place; a message still raises RemoteProtocolError alone.

Read in this order: `entry` and `message` (the vocabulary), `raft` (the server:
roles, terms, votes), `leadership` (what only a leader has), `following` (what a
follower does with what its leader sends), then what they lean on: `log`,
`progress`, `quorum`, `reads`, `membership`, `tending`, `campaign`, `requests`.
`validation` guards the way in, `batches` fills the way out (`ready`), and an
`observer` follows without taking part.

Section numbers are those of Ongaro's dissertation (2014).
"""
