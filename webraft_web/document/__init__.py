"""The shared document: JSON Patch as a replicated state machine, with client sessions.

`machine` is the deterministic part that every replica runs, `client` sends
commands and applies entries, `shared` is what users hold.
"""

from webraft_web.document.client import Client, Replica
from webraft_web.document.commands import genesis_command
from webraft_web.document.machine import DocumentMachine
from webraft_web.document.shared import SharedDocument

__all__ = ["Client", "DocumentMachine", "Replica", "SharedDocument", "genesis_command"]
