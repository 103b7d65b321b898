"""README's words on signalling."""

import asyncio

from tests.readme import python_block
from tests.unit.signaling.worlds import Bus
from webraft_web.testing import check_strategy, run


def test_the_strategy_that_readme_shows_keeps_to_the_contract():
    """Whoever writes their own begins with that one."""

    class Chat:
        def __init__(self):
            self.bus = Bus()

        def join(self, topic, *, on_message, on_joined):
            room = self.bus.open(topic, "", on_message, lambda *_: on_joined())
            room.say, room.leave = room.post, room.close
            return room

    names = {"chat": Chat()}
    exec(python_block("class ChatStrategy"), names)
    run(asyncio.wait_for(check_strategy(names["ChatStrategy"]), 60))
