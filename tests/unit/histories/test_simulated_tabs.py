"""What visitors of simulated tabs see is linearizable, whatever happens to the tab that runs the server."""

import asyncio
from itertools import count

import pytest

from tests.histories.operation import Operation
from tests.histories.recorder import History
from tests.histories.visitor import visit
from webraft_web.testing import run
from webraft_web.testing.tabs import Browser


class StaleReader:
    """A handle that takes what is applied here for the newest."""

    def __init__(self, doc):
        self._doc = doc
        self.get, self.update, self.patch = doc.get, doc.update, doc.patch

    async def read(self):
        return self._doc.state


def record(seed, *, accidents=(), wrap=lambda doc: doc):
    """Have five tabs used, as accidents befall whichever of the first three, and return the history."""
    records = []

    async def scenario():
        browser = Browser(seed)
        now = count().__next__

        async def rest():
            await asyncio.sleep(browser.random.uniform(0, 0.02))

        visits = []
        for number in range(5):
            doc = wrap(await browser.open_tab().join_room("room"))
            visiting = visit(doc, f"tab{number}", 60, now, records, seed=seed, rest=rest)
            visits.append(asyncio.ensure_future(visiting))
        for accident in accidents:
            await asyncio.sleep(browser.random.uniform(0, 0.5))
            getattr(browser.random.choice(browser.tabs[:3]), accident)()
        await asyncio.wait(visits, timeout=60)
        for one in visits:
            one.cancel()
        await asyncio.gather(*visits, return_exceptions=True)

    run(scenario())
    history = History("document")
    for one in records:
        history.add(Operation(**one))
    return history


@pytest.mark.parametrize("seed", range(4))
def test_what_visitors_see_is_linearizable_under_accidents(seed) -> None:
    """Tabs hang, wake, freeze, resume and die; no read is stale and no write is lost or done twice."""
    accidents = ["hang", "kill", "freeze", "hang"]
    history = record(seed, accidents=accidents[seed:] + accidents[:seed])
    assert len(history.operations) > 100
    result = history.check()
    assert result.is_linearizable, result


def test_stale_reads_are_found_out() -> None:
    """Reading what happens to be applied in a tab is not linearizable, and the history shows it."""
    result = record(0, wrap=StaleReader).check()
    assert not result.is_linearizable
    assert "read" in result.explanation
