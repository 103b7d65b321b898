"""The only door to JavaScript: what a page offers, with every proxy's lifetime in one place.

Nothing else imports `js` or `pyodide`. These modules import everywhere; where
there is no Pyodide, using them raises ConfigError. `border` says how the glue
gets into the page, and how long proxies live; each of the others wraps one
module of `js_glue/src`.
"""

from webraft_web._browser.border import IN_PYODIDE, is_js_error
from webraft_web._browser.broadcast_channel import BrowserChannel
from webraft_web._browser.fetching import fetch_text
from webraft_web._browser.journal import BrowserJournal
from webraft_web._browser.local_storage import BrowserLocalStorage
from webraft_web._browser.platform import BrowserPlatform
from webraft_web._browser.ticker import BrowserClock, default_clock, shared_clock
from webraft_web._browser.web_crypto import derive_bytes, derive_sealer
from webraft_web._browser.web_locks import BrowserLockRequest
from webraft_web._browser.web_socket import BrowserSocket

__all__ = [
    "IN_PYODIDE",
    "BrowserChannel",
    "BrowserClock",
    "BrowserJournal",
    "BrowserLocalStorage",
    "BrowserLockRequest",
    "BrowserPlatform",
    "BrowserSocket",
    "default_clock",
    "derive_bytes",
    "derive_sealer",
    "fetch_text",
    "is_js_error",
    "shared_clock",
]
