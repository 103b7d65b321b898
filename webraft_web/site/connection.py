"""One page's part in one room: everything in this package revolves around this.

A connection always observes: it holds a copy of the document, hears the runner
and queues for the lock. While it holds the lock it runs the server as well
(`Runner`), and its copy is then fed by that instead. Whatever ends a tenure
(a fence, a steal, a broken store, the page going to sleep), the connection
falls back to observing, and what its client has pending is sent to the next
runner, under the same session and sequence numbers.

Everything here happens in event callbacks: a page runs no tasks while frozen.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from webraft_web.core.entry import EntryKind
from webraft_web.core.errors import (
    ClusterConflictError,
    FencedError,
    NotLeaderError,
    OutcomeUnknownError,
    OverloadedError,
    RemoteProtocolError,
    StorageError,
    WebraftError,
)
from webraft_web.document import Client
from webraft_web.site import protocol
from webraft_web.site.cluster import RoomGoneError
from webraft_web.site.conditions import Conditions
from webraft_web.site.election import Election
from webraft_web.site.handover import Handover
from webraft_web.site.invitation import Invitation, invitation_link
from webraft_web.site.local_copy import LocalCopy
from webraft_web.site.mirror import Mirror
from webraft_web.site.observer import Observer
from webraft_web.site.options import RoomOptions, channel_of, scope_of
from webraft_web.site.orders import Orders
from webraft_web.site.platform import Channel, Platform
from webraft_web.site.questions import Questions
from webraft_web.site.standby import Standby
from webraft_web.site.status import room_status
from webraft_web.site.tabs import TabList

if TYPE_CHECKING:
    from webraft_web.site.runner import Runner  # see Standby

RETRY_MS: Final = 1000
"""How long a tab whose store failed leaves the lock to others."""

_logger = logging.getLogger(__name__)


class Connection:
    """A page's one connection to one room, shared by all its handles.

    Args:
        platform: The page.
        options: About the room.
        on_over: Called once, when the connection is over.
        delete_room: Deletes the room in this browser, which ends this connection.

    Fields:
        tab: This tab's id in the room.
        handles: How many handles are open; `release` counts down and closes after the last.
    """

    def __init__(
        self,
        platform: Platform,
        options: RoomOptions,
        *,
        on_over: Callable[[], None],
        delete_room: Callable[[], Awaitable[None]],
    ) -> None:
        self._platform = platform
        self._options = options
        self._on_over = on_over
        self._delete_room = delete_room
        self.tab = platform.random_id()[:12]
        self.handles = 0
        self._is_over = False
        self._channel: Channel | None = None
        self._scope = scope_of(options.room, is_durable=options.is_durable)
        self._refused_texts = 0
        self._conditions = Conditions()
        self._known_tabs = [self.tab]
        self._was_leader = False
        self._led_by: tuple[str, int] | None = None
        self._has_left = False
        self._runner: Runner | None = None
        self.client = Client(self, platform.clock, platform.random_id())
        self._copy = LocalCopy(self.client, self._on_applied)
        self._questions = Questions(self._copy, self._post)
        self._mirror = Mirror(platform, options.room, self._copy, lambda: self._is_mirrored)
        self._observer = Observer(platform.clock, self._copy, lambda runner, need: self._post(need, runner))
        self._tab_list = TabList(platform, self._scope, self.tab, self._on_tabs)
        self._election = Election(
            platform,
            self._scope,
            may_steal=options.is_durable,  # memory has no fence (rule 14)
            on_elected=self._on_elected,
            on_deposed=self._step_down,
            on_refused=self._tell_all,
        )
        self._orders = Orders(options.room, self._copy, self._conditions, lambda: self._is_joined, self._give)
        self._standby = Standby(platform.clock)
        self._handover = Handover(platform, partial(self._post, protocol.Hidden()))
        self._stop_lifecycle = platform.on_lifecycle(self._on_lifecycle)
        self._come()

    @property
    def room(self) -> str:
        """The room's name."""
        return self._options.room

    # -- for handles (`Replica`) ---------------------------------------------------------

    def submit(self, commands: Sequence[str], kind: EntryKind) -> None:
        """Have the room's server append `commands`; refused at once while there is none."""
        content = protocol.Commands(self._copy.cluster, kind, list(commands))
        if self._runner is not None:
            self._runner.propose(content, self.tab)
        elif self._observer.runner:
            self._post(content, self._observer.runner)
        else:
            self.client.refused(commands, self._no_server())

    def read(self, done: Callable[[int | WebraftError], None]) -> None:
        """Have the room's server confirm a read index; never answered while there is none."""
        if self._runner is not None:
            self._runner.read(done)
        elif self._observer.runner:
            self._questions.ask(self._observer.runner, done)

    def status(self) -> dict[str, Any]:
        """Return what this tab knows of its room; see `SharedDocument.status`."""
        beat = None if self._runner is None else self._runner.beat()
        return room_status(
            tab=self.tab,
            runner=self._observer.runner if beat is None else self.tab,
            beat=beat or self._observer.beat,
            last_applied=self._copy.applied_index,
            tabs=[] if self._is_over else self._known_tabs,
            storage=self._platform.keeps_in if self._options.is_durable else "memory",
            links=None if self._runner is None else self._runner.links,
        )

    async def release(self) -> None:
        """Count one handle less; after the last the connection is over."""
        self.handles -= 1
        if self.handles <= 0:
            self.close()

    async def leave_room(self) -> None:
        """End this browser's membership, if there are others, and delete the room here, in all its tabs."""
        if len(self.status()["members"]) > 1:
            await self._orders.leave(lambda: self._has_left)
        await self._delete_room()

    async def recover(self) -> None:
        """Mint a new cluster from what this browser holds."""
        await self._orders.recover()

    async def yield_to(self, cluster: str) -> None:
        """Give up what this browser holds, and join another cluster of the room's name."""
        await self._orders.yield_to(cluster)

    def _give(self, order: protocol.Order) -> None:
        if self._runner is not None:
            self._runner.carry_out(order)
        elif self._observer.runner:
            self._post(order, self._observer.runner)

    def invite_link(self) -> str:
        """Return a link that opens this page with what it takes to join the room."""
        invitation = Invitation(self._copy.cluster, self._options.secret)
        return invitation_link(self._platform.page_url(), self.room, invitation)

    async def joined(self) -> None:
        """Return once this browser's committed document is applied here.

        Raises:
            StorageError: If the store cannot be used.
        """
        await self._conditions.until(lambda: self._is_joined)

    def forget(self) -> None:
        """End the connection in all tabs: the room is being deleted in this browser."""
        self._post(protocol.Forget())
        self.close(_deleted(self.room))

    def close(self, error: WebraftError | None = None) -> None:
        """End the connection and let go of everything; what is pending hears of it."""
        if self._is_over:
            return
        self._is_over = True
        if error is not None:
            self._mirror.discard()
        self._go()
        self._mirror.close()
        self._election.close()
        self._standby.close()
        self._handover.close()
        self._tab_list.close()
        self._stop_lifecycle()
        over = error or OutcomeUnknownError(f"room {self.room!r} was closed")
        self._conditions.fail(over)
        self.client.fail(over)
        self._on_over()

    # -- coming and going ----------------------------------------------------------------

    def _come(self) -> None:
        self._channel = self._platform.open_channel(channel_of(self._scope), self._on_text)
        self._tab_list.enter()
        self._election.start()
        self._observer.expect_answer()
        self._post(protocol.Hello(self._copy.cluster, self._copy.applied_index))

    def _go(self) -> None:
        """Be as good as dead: nothing is said, heard, held or waited for."""
        self._mirror.write()  # while there is time: the page may end without another word
        self._end_tenure()
        self._observer.forget_runner()
        self._questions.forget()
        self._election.stop()
        self._tab_list.leave()
        if self._channel is not None:
            self._post(protocol.Bye())
            self._channel.close()
            self._channel = None

    @property
    def _is_mirrored(self) -> bool:
        # One tab does it for all; a room in memory is meant to leave no trace.
        return self._runner is not None and self._options.is_durable and self._platform.has_mirror

    def _on_lifecycle(self, event: str) -> None:
        if event in ("freeze", "pagehide"):
            # A page that is asleep would keep its locks, and answer from the past.
            if self._runner is not None and self._known_tabs == [self.tab]:
                self._runner.say_farewell()
            self._go()
            self._copy.is_old = True
        elif event in ("resume", "pageshow") and self._channel is None:
            self._come()
        elif event == "hidden":
            self._mirror.write()
            self._handover.look()
        elif event == "visible":
            self._handover.look()
            self._ask_to_run()

    def _ask_to_run(self) -> None:
        """Tell the runner that this page is looked at: it may want to make way."""
        if self._observer.runner and self._platform.is_visible():
            self._post(protocol.Visible(), self._observer.runner)

    # -- running the server --------------------------------------------------------------

    def _on_elected(self) -> None:
        try:
            self._run()
        except Exception as cause:  # noqa: BLE001 - whatever it is: the lock is not for those who do nothing
            error = StorageError(
                f"this tab cannot run the server of room {self.room!r} ({type(cause).__name__}: {cause}); "
                "it leaves it to other tabs, and tries again. If none can, reload the page"
            )
            error.__cause__ = cause
            self._on_failed(error)

    def _run(self) -> None:
        self._runner = self._standby.runner_class()(
            self._platform,
            self._options,
            self.tab,
            self._observer.highest_run + 1,
            self._known_tabs,
            self._copy,
            post=self._post,
            on_serving=self._on_serving,
            on_change=self._on_change,
            on_error=self._on_error,
            on_failed=self._on_failed,
        )
        self._runner.start()

    def _on_serving(self) -> None:
        self._handover.run(self._options.is_durable)  # whoever makes way is stolen from: rule 14
        self._questions.forget()
        self._tab_list.watch()
        self.client.resubmit()
        self._on_change()

    def _on_change(self) -> None:
        is_leader = self._runner is not None and self._runner.is_leader
        if is_leader != self._was_leader:
            self._was_leader = is_leader
            self.client.emit("leader" if is_leader else "follower")
        if self._runner is not None and self._runner.has_left and not self._has_left:
            self._has_left = True
            self._post(protocol.Left())
        if self._runner is not None and self._is_led_anew(*self._runner.led_by):
            self.client.resubmit()
        self._conditions.settle()

    def _is_led_anew(self, leader: str, term: int) -> bool:
        """Note who leads; whether what was under way to another leader may be lost."""
        if not leader or (leader, term) == self._led_by:
            return False
        before, self._led_by = self._led_by, (leader, term)
        return before is not None

    def _on_error(self, error: WebraftError) -> None:
        self.client.emit("error", error)
        if isinstance(error, ClusterConflictError) and not self._copy.cluster:
            self._conditions.fail(error)  # who waits to join has nothing yet that could listen

    def _on_failed(self, error: WebraftError) -> None:
        if isinstance(error, FencedError):
            self._step_down(error)
        elif isinstance(error, RoomGoneError):
            self._be_forgotten()
        else:
            self._end_tenure()
            self._election.pause(RETRY_MS)
            self._tell_all(error)

    def _tell_all(self, error: WebraftError) -> None:
        """Tell also those who wait, for what is not going to come."""
        self._conditions.fail(error)
        self.client.emit("error", error)

    def _step_down(self, cause: FencedError | None = None) -> None:
        """Observe from now on: another tab has taken over."""
        is_wanted = self._handover.is_offered
        has_served = self._end_tenure()
        self._election.start()
        if has_served and not is_wanted:
            error = FencedError(
                f"another tab took over the server of room {self.room!r}, because this page was blocked or "
                f"asleep for a second or more. This tab observes now; what it had pending is sent again"
            )
            error.__cause__ = cause
            self.client.emit("error", error)

    def _end_tenure(self) -> bool:
        """Run the server no longer; return whether it has served, so that others may notice."""
        if self._runner is None:
            return False
        runner, self._runner = self._runner, None
        last_beat = runner.beat()
        runner.stop()
        self._handover.run(False)
        self._tab_list.unwatch()
        self._observer.note_own_tenure(last_beat)
        self._on_change()
        return last_beat is not None

    # -- speaking and hearing ------------------------------------------------------------

    def _post(self, content: protocol.Text, recipient: str = "") -> None:
        if recipient == self.tab:
            self._handle(protocol.Envelope(self.tab, content))
        elif self._channel is not None:
            self._channel.post(protocol.encode(self.tab, content, recipient))

    def _on_text(self, text: str) -> None:
        if self._channel is None:
            return
        try:
            envelope = protocol.decode(text, self.tab)
            if envelope is not None:
                self._handle(envelope)
        except RemoteProtocolError as error:
            self._refused_texts += 1
            if self._refused_texts == 1:
                _logger.warning("room %r: a text was refused, more will be in silence: %s", self.room, error)

    def _handle(self, envelope: protocol.Envelope) -> None:
        sender, content = envelope
        if isinstance(content, protocol.Forget):
            self._be_forgotten()
        elif isinstance(content, protocol.Refused):
            self._on_refused(content)
        elif self._runner is not None:
            self._handle_as_runner(self._runner, sender, content)
        else:
            self._handle_as_observer(sender, content)

    def _be_forgotten(self) -> None:
        self.client.emit("error", _deleted(self.room))
        self.close(_deleted(self.room))

    def _handle_as_runner(self, runner: Runner, sender: str, content: protocol.Text) -> None:
        if isinstance(content, protocol.Commands):
            runner.propose(content, sender)
            runner.flush()
        elif isinstance(content, protocol.ReadRequest):
            runner.answer_read(content.request_id, sender)
            runner.flush()
        elif isinstance(content, protocol.Need):
            runner.supply(content.cluster, content.applied, sender)
        elif isinstance(content, protocol.Hello):
            self._tab_list.arrived(sender)
            runner.say(sender)
            runner.supply(content.cluster, content.applied, sender)
        elif isinstance(content, protocol.Bye):
            self._tab_list.departed(sender)
        elif isinstance(content, protocol.Order):
            runner.carry_out(content)
        elif isinstance(content, protocol.Visible):
            if self._handover.may_offer():
                self._post(protocol.Offer(), sender)
        elif isinstance(content, protocol.Beat) and content.run > runner.run and runner.is_serving:
            self._on_failed(FencedError(f"tab {sender} runs the server now"))

    def _handle_as_observer(self, sender: str, content: protocol.Text) -> None:
        if isinstance(content, protocol.Entries):
            self._observer.on_entries(sender, content)
        elif isinstance(content, protocol.Starting):
            self._election.heard()
        elif isinstance(content, protocol.Beat):
            self._on_beat(sender, content)
        elif isinstance(content, protocol.Document):
            self._observer.on_document(sender, content)
        elif isinstance(content, protocol.Hidden):
            self._ask_to_run()
        elif isinstance(content, protocol.Left):
            self._has_left = True
            self._conditions.settle()
        elif isinstance(content, protocol.Offer):
            if sender == self._observer.runner and self._platform.is_visible():
                self._election.take()
        elif isinstance(content, protocol.ReadAnswer):
            self._questions.answered(content)

    def _on_beat(self, sender: str, beat: protocol.Beat) -> None:
        is_heard, is_new = self._observer.on_beat(sender, beat)
        if not is_heard:
            return
        self._copy.is_old = False
        self._election.heard()
        self._note_tabs(beat.tabs)
        if is_new:
            self._questions.forget()
            self._ask_to_run()
        if self._is_led_anew(beat.leader, beat.term) or is_new:
            self.client.resubmit()
        self._conditions.settle()

    def _on_refused(self, content: protocol.Refused) -> None:
        self.client.refused(
            content.commands,
            OverloadedError(
                f"room {self.room!r} has too much uncommitted data; wait for earlier writes to finish"
            )
            if content.is_overload
            else self._no_server(),
        )

    def _no_server(self) -> NotLeaderError:
        return NotLeaderError(f"no tab serves room {self.room!r} now; the next one that does will be asked")

    def _on_tabs(self, tabs: list[str]) -> None:
        if self._runner is not None:
            self._runner.set_tabs(tabs)
        self._note_tabs(tabs)

    def _note_tabs(self, tabs: list[str]) -> None:
        tabs = sorted({self.tab, *tabs})  # the runner may not have seen this one yet
        before, self._known_tabs = self._known_tabs, tabs
        if tabs != before:
            for tab in sorted(set(tabs) - set(before)):
                self.client.emit("join", tab)
            for tab in sorted(set(before) - set(tabs)):
                self.client.emit("leave", tab)

    # -- waiting -------------------------------------------------------------------------

    @property
    def _is_joined(self) -> bool:
        return self._observer.is_joined if self._runner is None else self._runner.is_joined

    def _on_applied(self) -> None:
        if self._is_mirrored:
            self._mirror.touch()
        self._conditions.settle()


def _deleted(room: str) -> OutcomeUnknownError:
    return OutcomeUnknownError(f"room {room!r} was deleted in this browser")
