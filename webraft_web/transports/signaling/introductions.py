"""Who is there: pages that have proved it lately, by letters that nobody can forge or use twice.

Letters travel sealed, so that whoever wrote one holds the room's secret, and meant
it for the page that it is addressed to (`meeting` binds both ends' ids to it). What
is left to an attacker is to keep letters back, and to bring old ones again.

A page draws a *run* when it begins, and numbers all its letters. It draws a
*challenge*, too, and puts it into every letter; whoever answers, repeats it as *proof*.

1. A stranger is let in by a letter to this page that repeats this page's challenge: so it
   was written after that challenge was drawn, by somebody who is there. A letter that does
   not is answered, since its sender may be there, but is otherwise as if it had not been.
2. Of a known run, a letter with a higher number than any before is let in: it was not seen
   before. So each letter counts at most once, and letters count in the order of writing.
3. Whenever something is forgotten (a page is gone, or one has a new run), a new challenge is
   drawn: no letter that was written until then lets anybody in as a stranger again. Nothing
   has to be remembered about pages that are gone.

So a page is let in only if it was there after the challenge was drawn, and none of
its letters counts twice. An attacker who keeps back a letter of a run that has ended
since, and delivers it first, can have that run taken for the page's, until the
page's next letter: as much as by losing letters.

Every letter says whom its sender knows, and one that does not name this page is
answered. Two pages so need three letters: hello, answer, answer. Afterwards
nobody answers, however often they say hello.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Final

from webraft_web.core.errors import RemoteProtocolError

MAX_PEERS: Final = 64
"""Pages that are known at a time; others are not let in."""
_NAME_LENGTH: Final = 8
_NONCE_LENGTH: Final = 32
_LARGEST_NUMBER: Final = 2**53


@dataclass(frozen=True)
class Letter:
    """What one page writes to another, or to all.

    Attributes:
        run: Its sender's.
        number: Higher than in any letter before, of this run.
        challenge: What an answer has to repeat.
        proof: The receiver's challenge as its sender knows it, or empty.
        met: The beginnings of the ids of pages that its sender knows; in a letter to one
            page, that page's at most.
        text: For whoever is above; may be empty.
    """

    run: str
    number: int
    challenge: str
    proof: str
    met: tuple[str, ...]
    text: str

    def encode(self) -> str:
        """Return it as ASCII text."""
        return json.dumps([self.run, self.number, self.challenge, self.proof, self.met, self.text])

    @classmethod
    def decode(cls, text: str) -> Letter:
        """Read what `encode` wrote.

        Raises:
            RemoteProtocolError: If it did not: whoever wrote it holds the secret, but not to this protocol.
        """
        try:
            run, number, challenge, proof, met, body = json.loads(text)
        except (ValueError, TypeError, RecursionError) as error:
            raise RemoteProtocolError(f"a letter that cannot be read: {error}") from None
        texts = [run, challenge, proof, body, *(met if isinstance(met, list) else [None])]
        if (
            not all(isinstance(part, str) for part in texts)
            or not (len(run) == len(challenge) == _NONCE_LENGTH)
            or type(number) is not int
            or not 0 < number <= _LARGEST_NUMBER
        ):
            raise RemoteProtocolError("a letter with parts that cannot be right")
        return cls(run, number, challenge, proof, tuple(met), body)


@dataclass(frozen=True)
class Reception:
    """What became of a letter.

    Attributes:
        refused: Why it does not count; empty if it does.
        is_new: Whether it makes its sender known.
        wants_answer: Whether its sender has to be told that this page is there.
    """

    refused: str = ""
    is_new: bool = False
    wants_answer: bool = False


@dataclass
class _Peer:
    run: str
    number: int
    challenge: str


class Introductions:
    """What one page knows of the others.

    Args:
        page: Its id.
    """

    def __init__(self, page: str) -> None:
        self._page = page
        self._run = secrets.token_hex(_NONCE_LENGTH // 2)
        self._challenge = secrets.token_hex(_NONCE_LENGTH // 2)
        self._number = 0
        self._peers: dict[str, _Peer] = {}

    def __contains__(self, page: object) -> bool:
        return page in self._peers

    @property
    def pages(self) -> list[str]:
        """The ids of known pages."""
        return list(self._peers)

    def hello(self) -> Letter:
        """Return a letter to everybody."""
        return self._write("", tuple(page[:_NAME_LENGTH] for page in self._peers), "")

    def letter(self, to: str, text: str) -> Letter:
        """Return a letter to a known page."""
        return self._write(self._peers[to].challenge, (to[:_NAME_LENGTH],), text)

    def answer(self, to: str, letter: Letter) -> Letter:
        """Return what tells the sender of `letter` that this page is there."""
        return self._write(letter.challenge, (to[:_NAME_LENGTH],) if to in self._peers else (), "")

    def receive(self, sender: str, letter: Letter, *, is_for_all: bool) -> Reception:
        """Take a letter that was opened, hence is from `sender`."""
        wants_answer = self._page[:_NAME_LENGTH] not in letter.met
        peer = self._peers.get(sender)
        if peer is not None and peer.run == letter.run:
            if letter.number <= peer.number:
                return Reception("repeated")
            peer.number, peer.challenge = letter.number, letter.challenge
            return Reception(wants_answer=wants_answer)
        if peer is None and len(self._peers) >= MAX_PEERS:
            return Reception("crowded")
        if is_for_all or letter.proof != self._challenge:
            # A hello is meant to be answered; what came too late, or is brought again, is noted.
            return Reception("unproved", wants_answer=True)
        if peer is not None:
            self._draw_challenge()
        self._peers[sender] = _Peer(letter.run, letter.number, letter.challenge)
        return Reception(is_new=peer is None, wants_answer=wants_answer)

    def forget(self, page: str) -> bool:
        """Know a page no more, until it proves again that it is there; return whether it was known."""
        if self._peers.pop(page, None) is None:
            return False
        self._draw_challenge()
        return True

    def _draw_challenge(self) -> None:
        self._challenge = secrets.token_hex(_NONCE_LENGTH // 2)

    def _write(self, proof: str, met: tuple[str, ...], text: str) -> Letter:
        self._number += 1
        return Letter(self._run, self._number, self._challenge, proof, met, text)
