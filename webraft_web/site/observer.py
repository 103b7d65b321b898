"""What a tab knows of its room through the runner, and how its copy keeps up.

Texts of one sender arrive in order, but different senders' in any, and a
runner that was taken over may wake up and talk. So every word of a runner
carries its number, and a lower one than known is not listened to, unless the
one with the higher number has fallen silent for good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from webraft_web.clock import Clock
from webraft_web.core.observer import Observer as Follower
from webraft_web.site.election import SILENCE_MS
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.protocol import Beat, Document, Entries, Need

ASK_AGAIN_MS: Final = 200


class Observer:
    """One tab's view of the runner.

    Args:
        clock: To notice silence.
        copy: This tab's copy, which it keeps up.
        ask: Tells the runner (its tab's id) what is lacking.

    Fields:
        beat: What the runner said last, None before the first.
        runner: The id of the tab that runs the server, "" while none is known.
    """

    def __init__(self, clock: Clock, copy: LocalCopy, ask: Callable[[str, Need], None]) -> None:
        self._clock = clock
        self._copy = copy
        self._ask = ask
        self._asked_ms: int | None = None
        self._heard_ms = 0
        self._run = 0
        self.beat: Beat | None = None
        self.runner = ""

    @property
    def highest_run(self) -> int:
        """The highest number of a runner heard of."""
        return self._run

    @property
    def is_joined(self) -> bool:
        """Whether this tab's copy shows all that was acknowledged so far, as the runner knows it."""
        beat = self.beat
        return (
            beat is not None
            and beat.is_settled
            and beat.cluster == self._copy.cluster
            and self._copy.applied_index >= beat.commit
        )

    def expect_answer(self) -> None:
        """Note that the runner was asked just now for what is lacking."""
        self._asked_ms = self._clock.now_ms()

    def forget_runner(self) -> None:
        """Listen to whoever speaks next: this tab was away, or ran the server itself."""
        self.runner = ""
        self._asked_ms = None

    def note_own_tenure(self, last_beat: Beat | None) -> None:
        """Remember how far the own tenure came: no earlier runner is listened to."""
        self.forget_runner()
        if last_beat is not None:
            self.beat = last_beat
            self._run = max(self._run, last_beat.run)
            self._heard_ms = self._clock.now_ms()

    def on_beat(self, sender: str, beat: Beat) -> tuple[bool, bool]:
        """Take in a heartbeat.

        Returns:
            Whether it is the current runner's, and whether that is a new one.
        """
        if not self._is_current(sender, beat.run):
            return False, False
        is_new = sender != self.runner or beat.run != self._run
        self._heard_ms = self._clock.now_ms()
        self._run = beat.run
        self.runner = sender
        self.beat = beat
        if beat.cluster != self._copy.cluster or beat.commit > self._copy.applied_index:
            # What was fed up to here came before this heartbeat, so it was lost.
            self._ask_for_more()
        return True, is_new

    def on_entries(self, sender: str, message: Entries) -> None:
        """Apply what follows; ask for what lies in between.

        Raises:
            RemoteProtocolError: If the entries do not follow one another.
        """
        if message.cluster != self._copy.cluster or not self._is_current(sender, message.run):
            return
        follower = Follower(self._copy.applied_index)
        self._copy.apply(follower.step(message.feed))
        if follower.has_gap:
            self._ask_for_more()
        elif self._asked_ms is not None:
            self._asked_ms = None
            if self.beat is not None and self.beat.commit > self._copy.applied_index:
                self._ask_for_more()

    def on_document(self, sender: str, message: Document) -> None:
        """Adopt the whole document that was asked for.

        Raises:
            RemoteProtocolError: If it cannot be read.
        """
        if not self._is_current(sender, message.run):
            return
        self._asked_ms = None
        self._copy.belong_to(message.cluster)
        self._copy.restore(message.snapshot)

    def _is_current(self, sender: str, run: int) -> bool:
        if run > self._run or (run == self._run and self.runner in ("", sender)):
            return True
        # Numbers begin anew where the store was cleared. Whoever still speaks then is right.
        return self._clock.now_ms() - self._heard_ms >= SILENCE_MS

    def _ask_for_more(self) -> None:
        now_ms = self._clock.now_ms()
        if self._asked_ms is not None and now_ms - self._asked_ms < ASK_AGAIN_MS:
            return
        self._asked_ms = now_ms
        self._ask(self.runner, Need(self._copy.cluster, self._copy.applied_index))
