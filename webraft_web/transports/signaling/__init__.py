"""How pages that share a room's name and secret find one another, and exchange texts before they are linked.

`base` says what a strategy has to give, which is little; `topics`, `peerjs` and
`broadcast` are strategies, and `strategies` finds the one that a URL asks for.
`meeting` makes of what they carry something that can be relied on: signals that
are private, authentic and fresh.
"""
