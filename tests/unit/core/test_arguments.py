"""What the layers above may ask of a server: others would refuse what comes of anything else."""

from collections.abc import Callable

import pytest

from tests.core_objects import BAD_ARGUMENT, IS_COMPILED, interpreted_only
from tests.unit.core.servers import Server, established, members
from webraft_web.core import membership
from webraft_web.core.entry import EntryKind
from webraft_web.core.errors import BadArgumentError
from webraft_web.core.validation import MAX_ID_LENGTH, MAX_SERVERS


@pytest.mark.parametrize(
    ("call", "why"),
    [
        (lambda server: server.raft.propose([]), "a list that is not empty"),
        (lambda server: server.raft.propose("xy"), "a list that is not empty"),
        (lambda server: server.raft.propose(["x", b"y"]), "expected text"),
        (lambda server: server.raft.propose(["x"], EntryKind.NO_OP), "kind is NO_OP"),
        (lambda server: server.raft.propose(["x"], 0), "kind is 0"),
        (lambda server: server.raft.forward(-1, ["x"]), "request_id is -1"),
        (lambda server: server.raft.read_index(2**53), "context is"),
        (lambda server: server.raft.tick(1.5), "now_ms is"),
        (lambda server: server.raft.applied_to("3"), "index is"),
        (lambda server: server.raft.compact(2, b"state"), "data is text"),
        pytest.param(
            lambda server: server.raft.compact(True, "state"), "index is True", marks=interpreted_only
        ),
        (lambda server: server.raft.refreshed(1, None), "index is"),
        (lambda server: server.raft.add_server(""), "a server's id is text"),
        (lambda server: server.raft.remove_server(7), "a server's id is text"),
        (lambda server: server.raft.transfer_leadership("b" * (MAX_ID_LENGTH + 1)), "a server's id is text"),
        (lambda server: server.raft.report_unreachable(None), "a server's id is text"),
    ],
)
def test_what_could_not_be_sent_or_stored_is_refused(call: Callable[[Server], object], why: str) -> None:
    """The caller hears of it at once, and nothing has changed."""
    server = established()
    last_index = server.raft.log.last_index
    with pytest.raises(BAD_ARGUMENT, match=f"{why}|object expected" if IS_COMPILED else why):
        call(server)
    assert not server.raft.has_ready()
    assert server.raft.log.last_index == last_index


def test_no_more_members_are_added_than_a_configuration_may_have() -> None:
    """Every other server would refuse the entry, and with it all that follow."""
    full = members([str(number) for number in range(MAX_SERVERS - 1)])
    assert len(membership.with_server(full, "last").servers) == MAX_SERVERS
    with pytest.raises(BadArgumentError, match="no more are allowed"):
        membership.with_server(membership.with_server(full, "last"), "one more")
