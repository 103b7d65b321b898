"""`python3 demo`: build everything, serve the board, open a browser.

Only the check of Python's version lives here, in words that an old Python can
still parse; the rest is `demo.command`.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "webraft_web needs Python 3.11 or newer; this is %d.%d (%s)."
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

# A directory run as a program puts itself on the path; its parent is what `demo` is imported from.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from demo.command import main

sys.exit(main())
