"""Runs one Raft server: `driver` is the heart, the other files are what it keeps track of."""

from webraft_web.driver.applier import StateMachine
from webraft_web.driver.driver import Driver

__all__ = ["Driver", "StateMachine"]
