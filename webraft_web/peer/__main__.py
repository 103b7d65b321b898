"""`python -m webraft_web.peer`: an always-on member of a room."""

import sys

from webraft_web.peer.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
