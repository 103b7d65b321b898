"""Rooms in real tabs of Firefox: what Chromium is held to, and what else Firefox can be made to do.

What it cannot be made to do, with what was tried on Firefox 153 with puppeteer-core 24.43:

- Freeze a page: `page.createCDPSession()` ends in UnsupportedOperation, the command
  `browsingContext.setWebLifecycleState` in "unknown command", and `"onfreeze" in document` is false.
  A tab's process is stopped instead, which is harder on the others: nothing announces it.
- Keep a page with an open room in the back/forward cache: after `page.goBack()`, what the page had in
  `globalThis` is gone. Firefox keeps no page that holds a Web Lock when it is left; without a lock
  the same page is kept. So the page boots anew, and what it had stored is what counts.
- Fill a disk by a quota: `storage.overrideQuotaForOrigin` is an "unknown command".
- Check a history as in `tests.tabs.test_history`: `performance.now()` counts whole milliseconds here, and
  the bounds between clocks there stand for browsers that round to a tenth.
- Break name resolution (an insecure origin) or the timers of hidden tabs as Chromium's flags do; that the
  worker keeps a hidden tab on time is tested with the glue.
"""

from __future__ import annotations

import os
import signal

from tests.tabs.conftest import PythonTab
from tests.tabs.test_room import (
    JOIN,
    WRITE,
    check_that_it_gives_way,
    join,
    runner_of,
    test_a_document_outlives_all_its_tabs,
    test_a_hanging_running_tab_is_replaced_and_fenced_off,
    test_closing_the_running_tab_hands_the_room_on,
    test_increments_made_at_once_in_three_tabs_all_count,
    test_killing_the_browser_loses_no_acknowledged_write,
    test_killing_the_running_tab_amid_writes_loses_and_doubles_nothing,
)

__all__ = [
    "test_a_document_outlives_all_its_tabs",
    "test_a_hanging_running_tab_is_replaced_and_fenced_off",
    "test_closing_the_running_tab_hands_the_room_on",
    "test_increments_made_at_once_in_three_tabs_all_count",
    "test_killing_the_browser_loses_no_acknowledged_write",
    "test_killing_the_running_tab_amid_writes_loses_and_doubles_nothing",
]


def test_reloading_the_running_tab_hands_the_room_on(tabs) -> None:
    """The others go on writing, and the reloaded tab finds all that it was told is committed."""
    runner, others = runner_of(join(tabs, 3))
    writing = [tab.start(WRITE.format(name=f"other{number}", count=100)) for number, tab in enumerate(others)]
    runner.start(WRITE.format(name="runner", count=100_000))
    tabs.browser.listen(lambda: len(runner.page.log) >= 20, "the running tab's first writes")
    runner.page.reload()
    again = PythonTab(runner.page)
    again.python(JOIN)
    for one in writing:
        one.result()
    log = again.python("(await doc.read())['log']")
    acknowledged = [entry for tab in (runner, *others) for entry in tab.page.log]
    assert set(acknowledged) <= set(log)
    assert len(log) == len(set(log))
    assert others[0].python("(await doc.read())['log']") == log


def test_a_running_tab_that_navigates_away_hands_the_room_on(tabs) -> None:
    """Whatever the browser keeps of it holds nothing up; going back finds what happened meanwhile."""
    runner, (other,) = runner_of(join(tabs, 2))
    runner.python(WRITE.format(name="before", count=10))
    runner.page.go("about:blank")
    other.python(WRITE.format(name="other", count=10))
    assert other.python("doc.status()['runner'] == doc.status()['tab']")
    runner.page.go_back()
    runner.page.wait_for(f"location.href.startsWith('{tabs.url}') && globalThis.isReady")
    runner.python(JOIN)
    runner.python(WRITE.format(name="back", count=10))
    assert runner.python("doc.status()['role']") == "observer"
    assert len(other.python("(await doc.read())['log']")) == 30


def test_a_stopped_running_tab_is_replaced_and_fenced_off(tabs) -> None:
    """A process that gets no processor time loses the server, as if frozen without a word, and comes back."""
    runner, (other,) = runner_of(join(tabs, 2))
    pid = runner.page.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        other.python(WRITE.format(name="other", count=5))
        assert other.python("doc.status()['runner'] == doc.status()['tab']")
    finally:
        os.kill(pid, signal.SIGCONT)
    check_that_it_gives_way(runner, other)
