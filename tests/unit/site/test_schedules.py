"""Rooms under the schedules of `python3 tests chaos`, in simulated tabs on a busy machine."""

from __future__ import annotations

import pytest

from tests.chaos.schedule import TABS
from tests.chaos.simulated import simulate


@pytest.mark.parametrize(("seed", "tabs"), [(4, TABS), (3, 9)])
def test_a_room_survives_what_is_done_to_its_tabs(seed, tabs):
    """Nothing acknowledged is lost or doubled, all is linearizable, and who lives recovers.

    With these seeds a machine that applies what is sent twice a second time would be noticed.
    """
    assert simulate(seed, tabs, 50) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_room_survives_more_of_it(seed):
    """The same with nine tabs, for longer."""
    assert simulate(seed, 9, 100) == []
