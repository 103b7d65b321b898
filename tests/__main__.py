"""`python3 tests`: everything that is checked before a change lands; see `tests.command`.

Only the check of Python's version lives here, in words that an old Python can
still parse.
"""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit(
        "The tests need Python 3.11 or newer; this is %d.%d (%s)."
        % (sys.version_info[0], sys.version_info[1], sys.executable)
    )

# A directory run as a program puts itself on the path; `tests` and `demo` are imported from its parent.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from tests.command import main

sys.exit(main(sys.argv[1:]))
