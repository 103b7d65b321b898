"""What stands behind `RaftInterface`: one server at one address, with its life, its letters and its handlers.

Read `server` first: the life of one server, which runs a driver while it belongs
to a cluster. Then `correspondence` (payloads in and out), over `greeting` (what
is said besides Raft's messages); `founding` (how a cluster begins) and `leading`
(whom a leader adds and removes, and when it gives way); `application` (committed
commands to handlers); and what these lean on: `pending` (proposals not settled
yet), `transfer` (an office handed over), `leaving` and `aspiring` (wishes to be no
member, and to lead), `links` (the application's nodes),
`timeouts` (its properties) and `own_time` (a clock without stalls).
"""
