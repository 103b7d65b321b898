"""What one says who holds a room's secret and is no server of it; run in real pages, too, as source text."""

import json

from webraft_web.core.message import Heartbeat, RequestVote
from webraft_web.server import greeting
from webraft_web.wire import encode_message

OWN_ID = "mallory@0badc0de"
CLAIM = json.dumps(["mallory", 1, "a token"])
FORGED_ID = "alice@0badc0de"


def texts(victim, cluster):
    """Return texts by what is wrong with each, for the server `victim` of a cluster."""

    def raft(*messages):
        return json.dumps(greeting.seal(cluster, greeting.RAFT, [encode_message(one) for one in messages]))

    endless = encode_message(Heartbeat(OWN_ID, victim, 1, 0))
    endless[endless.index(1)] = 2**53
    hello = greeting.Hello(FORGED_ID, True, False, False, False, None, True)
    return {
        "no JSON": "nonsense",
        "no payload": '{"to": "nobody"}',
        "another version": json.dumps([2**60, cluster, "raft", []]),
        "a term of 2^53": json.dumps(greeting.seal(cluster, greeting.RAFT, [endless])),
        "a forged sender": raft(RequestVote(FORGED_ID, victim, 9, 99, 9)),
        "a forged hello": json.dumps(greeting.seal_hello(None, hello)),
        "entries that nobody can have": raft(Heartbeat(OWN_ID, victim, 2**40, 2**50)),
    }


def read_victim(text):
    """Return who greets with `text`, and its cluster, None if it is no greeting."""
    cluster, kind, body = greeting.open_payload(json.loads(text))
    return (greeting.read_hello(body).server_id, cluster) if kind == greeting.HELLO else None
