"""What servers say to one another before and beside Raft."""

import pytest

from webraft_web.core.errors import RemoteProtocolError
from webraft_web.server.greeting import check_sender


def test_a_peer_speaks_for_its_own_address_alone():
    """The link says where a message came from, whatever its contents claim (rule 1)."""
    check_sender("i1@b", "b")
    with pytest.raises(RemoteProtocolError, match="'b' brought a message from 'i1@c'"):
        check_sender("i1@c", "b")
