"""The rules by which pages become known: letters lost, late, repeated and out of order, from seeds."""

import random
from dataclasses import replace

import pytest

from webraft_web.transports.signaling.introductions import Introductions, Letter

ONE, TWO = "1" * 32, "2" * 32


class Recorder:
    """Pages, all letters that they ever wrote, and what each of them let in."""

    def __init__(self, rng):
        self.rng = rng
        self.pages = {name: Introductions(name) for name in (ONE, TWO, "3" * 32)}
        self.letters = []  # (sender, to or None, letter)
        self.time = 0
        self.written = {}  # (run, number) to the time of writing
        self.forgot = {}  # (page, other) to the time when the one forgot the other last, or began
        self.taken = {}  # (page, run) to the numbers that it let in

    def write(self, sender, to, letter):
        self.time += 1
        self.letters.append((sender, to, letter))
        self.written[letter.run, letter.number] = self.time

    def hello(self, sender):
        self.write(sender, None, self.pages[sender].hello())

    def signal(self, sender):
        for to in self.pages[sender].pages:
            self.write(sender, to, self.pages[sender].letter(to, f"{self.time}"))

    def forget(self, page):
        for other in list(self.pages[page].pages):
            assert self.pages[page].forget(other)
            self.time += 1
            self.forgot[page, other] = self.time

    def begin_anew(self, page):
        self.time += 1
        self.pages[page] = Introductions(page)
        self.forgot = {pair: at for pair, at in self.forgot.items() if pair[0] != page}
        for other in self.pages:
            self.forgot[page, other] = self.time

    def deliver(self, sender, to, letter):
        for name, page in self.pages.items():
            if name == sender or to not in {None, name}:
                continue
            reception = page.receive(sender, letter, is_for_all=to is None)
            if reception.wants_answer:
                self.write(name, sender, page.answer(sender, letter))
            if reception.refused:
                continue
            numbers = self.taken.setdefault((name, page._run, letter.run), [0])
            assert letter.number > numbers[-1], "a letter counts once, and in the order of writing"
            numbers.append(letter.number)
            if reception.is_new:
                written = self.written[letter.run, letter.number]
                assert written > self.forgot.get((name, sender), 0), "nobody is met by what they once wrote"

    def deliver_any(self):
        if self.letters:
            self.deliver(*self.rng.choice(self.letters))

    def deliver_last(self):
        for letter in self.letters[-3:]:
            self.deliver(*letter)


@pytest.mark.parametrize("seed", range(40))
def test_letters_count_once_in_order_and_only_those_of_who_is_there(seed):
    """Whatever an attacker brings, whenever: the invariants hold, and pages meet in the end."""
    rng = random.Random(seed)
    recorder = Recorder(rng)
    steps = [recorder.deliver_any] * 8 + [recorder.deliver_last] * 4
    for act in (recorder.hello, recorder.signal, recorder.forget, recorder.begin_anew):
        steps.append(lambda act=act: act(rng.choice(list(recorder.pages))))
    for _ in range(1000):
        rng.choice(steps)()
    for _ in range(4):
        for page in recorder.pages:
            recorder.hello(page)
            while recorder.letters:
                recorder.deliver(*recorder.letters.pop(0))
    for name, page in recorder.pages.items():
        assert sorted(page.pages) == sorted(set(recorder.pages) - {name})


def met():
    one, two = Introductions(ONE), Introductions(TWO)
    answer = two.answer(ONE, one.hello())
    assert one.receive(TWO, answer, is_for_all=False).is_new
    last = one.answer(TWO, answer)
    reception = two.receive(ONE, last, is_for_all=False)
    assert reception.is_new
    assert not reception.wants_answer
    return one, two, last


def test_a_hello_makes_nobody_known():
    """Anybody may have recorded it; it is answered, for its sender may be there."""
    one, two = Introductions(ONE), Introductions(TWO)
    reception = two.receive(ONE, one.hello(), is_for_all=True)
    assert not reception.is_new
    assert reception.wants_answer
    assert two.pages == []


def test_a_proof_in_a_letter_to_all_is_none():
    """Only what was sealed for this page proves anything to it."""
    one, two = Introductions(ONE), Introductions(TWO)
    letter = replace(one.hello(), proof=two.hello().challenge)
    assert not two.receive(ONE, letter, is_for_all=True).is_new
    assert two.receive(ONE, letter, is_for_all=False).is_new


def test_once_known_nobody_answers():
    """Neither a hello that names this page, nor a signal."""
    one, two, _ = met()
    for letter, is_for_all in ((one.hello(), True), (one.letter(TWO, "x"), False)):
        reception = two.receive(ONE, letter, is_for_all=is_for_all)
        assert not reception.wants_answer
        assert not reception.refused


def test_who_was_forgotten_is_not_let_in_by_what_they_said_to_be_let_in():
    """The challenge that it answered is no longer asked."""
    one, two, last = met()
    assert two.forget(ONE)
    assert not two.forget(ONE)
    reception = two.receive(ONE, last, is_for_all=False)
    assert reception.refused == "unproved"
    assert two.pages == []
    answer = two.answer(ONE, one.hello())
    assert not one.receive(TWO, answer, is_for_all=False).is_new
    assert two.receive(ONE, one.answer(TWO, answer), is_for_all=False).is_new


def test_a_new_run_takes_the_place_of_the_old_and_the_old_never_comes_back():
    """A page that was reloaded begins to number anew."""
    _, two, last = met()
    again = Introductions(ONE)
    answer = two.answer(ONE, again.hello())
    reception = two.receive(ONE, again.answer(TWO, answer), is_for_all=False)
    assert reception == type(reception)(wants_answer=True)
    for number in (last.number, last.number + 100):
        late = replace(last, number=number)
        assert two.receive(ONE, late, is_for_all=False).refused == "unproved"


def test_letters_survive_being_written_down():
    """Whatever the text."""
    for text in ("", "\0\u2028\U0001f600", "\ud800", "x" * 1000):
        letter = Letter("0" * 32, 2**53, "f" * 32, "", ("12345678",), text)
        assert Letter.decode(letter.encode()) == letter
        assert letter.encode().isascii()
