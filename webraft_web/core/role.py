"""The roles a server can have (Fig. 3.3), with the extra round of Pre-Vote (§9.6)."""

from enum import Enum


class Role(Enum):
    """What a server is at the moment."""

    FOLLOWER = "follower"
    PRE_CANDIDATE = "pre-candidate"
    CANDIDATE = "candidate"
    LEADER = "leader"
