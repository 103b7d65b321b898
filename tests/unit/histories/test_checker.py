"""The checker against the definition of linearizability, and what it says of single cases."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.histories.checker import Verdict, check
from tests.histories.models import IMPOSSIBLE, Document, Register
from tests.histories.operation import Operation
from tests.unit.histories.oracle import Together, is_linearizable

ANSWERS = (None, False, True, *range(10))


def one_of(*cases):
    """Choose among operations: a name, and strategies for the arguments."""
    return st.one_of(*(st.tuples(st.just(name), *arguments).map(list) for name, *arguments in cases))


values = st.integers(0, 2)
keys = st.sampled_from("ab")
pointers = st.sampled_from(["/a", "/b"])
uncertainties = st.sampled_from([0, 1, 2.5])
patches = st.lists(
    one_of(("add", pointers, values), ("replace", pointers, values), ("test", pointers, values)).map(
        lambda one: {"op": one[0], "path": one[1], "value": one[2]}
    )
    | pointers.map(lambda path: {"op": "remove", "path": path})
    | one_of(("move", pointers, pointers), ("copy", pointers, pointers)).map(
        lambda one: {"op": one[0], "from": one[1], "path": one[2]}
    ),
    min_size=1,
    max_size=2,
)
REGISTER = one_of(
    ("read", keys), ("write", keys, values), ("cas", keys, values, values), ("increment", keys, st.just(1))
)
TEXT = one_of(("read", keys), ("append", keys, st.sampled_from("xy")))
DOCUMENT = one_of(
    ("read", pointers | st.just("")),
    ("patch", patches),
    ("update", pointers, st.none() | values, values),
    ("increment", pointers, st.just(1)),
)


@st.composite
def histories(draw, asked, model, others):
    """Draw operations with the answers that they get one after the other, then spoil some of them.

    Each takes effect at a moment of its own within its interval, unless it cannot
    (an update of what is not there); whether the result is linearizable is for an
    oracle to say.

    Args:
        asked: Strategy for inputs.
        model: What gives the answers.
        others: Strategy for answers that spoil it.
    """
    operations = []
    state = model.initial
    for moment, asks in enumerate(draw(st.lists(asked, min_size=3, max_size=5))):
        call = moment - draw(st.integers(0, 3))
        returned = draw(st.none() | st.integers(0, 3).map(lambda more, moment=moment: moment + more))
        operation = Operation(draw(st.integers(0, 2)), call, returned, asks)
        if returned is None:
            after = model.transition(operation)(state)
            if after is not IMPOSSIBLE and draw(st.booleans()):
                state = after
        else:
            operation, state = answer(operation, model, state)
            if draw(st.integers(0, 5)) == 0:
                operation = replace(operation, output=draw(others))
        operations.append(operation)
    return operations


def answer(operation, model, state):
    """Return the operation with its answer, found by trying, and what state follows."""
    whole = json.loads(state) if isinstance(model, Document) else dict(state).get(operation.input[1])
    for output in (whole, *ANSWERS):
        answered = replace(operation, output=output)
        after = model.transition(answered)(state)
        if after is not IMPOSSIBLE:
            return answered, after
    return operation, state


def agree(operations, model, whole, uncertainty):
    """Hold the verdict to the oracle's, and where the checker got stuck to that of shorter histories.

    Args:
        operations: The history.
        model: Its model.
        whole: The same without parts.
        uncertainty: Of the clocks.
    """
    result = check(operations, model, uncertainty=uncertainty)
    assert result.is_linearizable == is_linearizable(operations, whole, uncertainty)
    assert result == check(operations, model, uncertainty=uncertainty)
    if result.is_linearizable:
        return
    part = next(one for one in model.split(operations) if result.stuck in one.operations)
    called = [one for one in part.operations if one.call <= result.stuck.returned + 2 * uncertainty]
    assert not is_linearizable(called, part.model, uncertainty)
    assert is_linearizable(before_return(part.operations, result.stuck), part.model, uncertainty)


def before_return(operations, last):
    """Return what was known just before an operation returned."""
    returns = sorted((one for one in operations if one.returned is not None), key=lambda one: one.returned)
    known = returns[: returns.index(last)]
    return [one if one in known else replace(one, returned=None, output=None) for one in operations]


@given(histories(REGISTER, Together(Register(0)), st.none() | values | st.booleans()), uncertainties)
def test_verdicts_on_registers_are_those_of_the_definition(operations, uncertainty) -> None:
    """An oracle tries every order; splitting by key, reads first and what is remembered change nothing."""
    agree(operations, Register(0), Together(Register(0)), uncertainty)


@given(histories(TEXT, Together(Register()), st.text("xy", max_size=3)), uncertainties)
def test_verdicts_on_text_that_grows_are_those_of_the_definition(operations, uncertainty) -> None:
    """Looking ahead to the longest read spares dead ends and nothing else."""
    agree(operations, Register(), Together(Register()), uncertainty)


@given(
    histories(
        DOCUMENT, Document({"a": 0}), st.none() | values | st.booleans() | st.dictionaries(keys, values)
    ),
    uncertainties,
)
def test_verdicts_on_documents_are_those_of_the_definition(operations, uncertainty) -> None:
    """Splitting by the top-level keys that operations tie together changes nothing."""
    agree(operations, Document({"a": 0}), Document({"a": 0}), uncertainty)


def write(process, call, returned, value):
    return Operation(process, call, returned, ["write", None, value])


def read(process, call, returned, value):
    return Operation(process, call, returned, ["read", None], value)


def verdict(*operations, **options):
    return check(operations, Register(), **options).verdict


def test_a_write_of_unknown_outcome_may_take_effect_at_any_later_time_or_never() -> None:
    """It was asked for once: two reads may see it late, and none sees it come back."""
    lost = write(1, 0, None, 7)
    assert verdict(lost, read(2, 5, 6, None)) is Verdict.LINEARIZABLE
    assert verdict(lost, read(2, 5, 6, None), read(2, 7, 8, 7)) is Verdict.LINEARIZABLE
    back = (read(2, 5, 6, 7), write(2, 7, 8, 1), read(2, 9, 10, 7))
    assert verdict(lost, *back) is Verdict.NOT_LINEARIZABLE
    assert verdict(lost, write(3, 0, None, 7), *back) is Verdict.LINEARIZABLE


def test_an_operation_of_unknown_outcome_takes_no_effect_before_its_call() -> None:
    """What nobody had asked for yet cannot be read."""
    assert verdict(read(2, 0, 1, 7), write(1, 2, None, 7)) is Verdict.NOT_LINEARIZABLE


def test_operations_that_touch_at_one_moment_overlap() -> None:
    """Equal times prove no order."""
    assert verdict(write(1, 0, 5, 7), read(2, 5, 6, None)) is Verdict.LINEARIZABLE
    assert verdict(write(1, 0, 4, 7), read(2, 5, 6, None)) is Verdict.NOT_LINEARIZABLE


def test_uncertain_clocks_excuse_other_processes_only() -> None:
    """A process knows the order of what it did itself, however wrong its clock."""
    assert verdict(write(1, 0, 4, 7), read(2, 5, 6, None), uncertainty=1) is Verdict.LINEARIZABLE
    assert verdict(write(1, 0, 4, 7), read(1, 5, 6, None), uncertainty=1) is Verdict.NOT_LINEARIZABLE
    assert verdict(write(1, 0, 4, 7), read(2, 6, 7, None), uncertainty=1) is Verdict.LINEARIZABLE
    assert verdict(write(1, 0, 4, 7), read(2, 7, 8, None), uncertainty=1) is Verdict.NOT_LINEARIZABLE


def test_what_failed_with_more_used_up_may_succeed_with_less() -> None:
    """The first read is explained in one step by a lost write, which only the last one really needs."""
    assert (
        verdict(
            write(1, 0, None, 3),
            write(2, 0, 20, 1),
            Operation(3, 0, 21, ["cas", None, 1, 3], output=True),
            read(4, 1, 2, 3),
            write(4, 30, 31, 5),
            read(4, 32, 33, 3),
        )
        is Verdict.LINEARIZABLE
    )


def test_a_search_that_takes_too_long_is_no_success() -> None:
    """The verdict is unknown then, and says so; a part that certainly fails is still found."""
    hard = [Operation(number, 0, 1, ["increment", "hard", 2**number], None) for number in range(12)]
    wrong = Operation(99, 0, 1, ["read", "wrong"], 1)
    result = check(hard, Register(0), budget=5)
    assert result.verdict is Verdict.UNKNOWN
    assert "gave up after 5 steps at key" in result.explanation
    assert check([*hard, wrong], Register(0), budget=5).verdict is Verdict.NOT_LINEARIZABLE


def test_the_explanation_names_the_answer_that_does_not_fit_and_what_was_possible() -> None:
    """A person sees the operation, the values that it could have read, and what was under way."""
    result = check(
        [write(1, 0, 1, 3), write(2, 2, 9, 4), write(3, 2, None, 5), read(4, 5, 6, 8)],
        Register(),
    )
    assert str(result).splitlines() == [
        "not linearizable",
        "1 of 3 answers can be explained, but not also",
        "  process 4  [5..6]  read -> 8",
        "since every order so far leads to one of",
        "  3",
        "  4",
        "  5",
        "One such order ends with",
        "  process 1  [0..1]  write 3 -> nil",
        "Under way at that moment, or never answered:",
        "  process 2  [2..9]  write 4 -> nil",
        "  process 3  [2..]  write 5 -> ?",
    ]


def test_thousands_of_operations_take_few_steps() -> None:
    """Five clients keep to one counter; the search hardly goes back, and remembers where it has been."""
    operations = []
    for turn in range(1000):
        for process in range(5):
            total = 5 * turn + process + 1
            operations.append(
                Operation(process, 10 * turn + process, 10 * turn + 9, ["increment", "n", 1], total)
            )
    result = check(operations, Register(0))
    assert result.is_linearizable
    assert result.steps < 4 * len(operations)


def test_the_explanation_of_text_that_grows_ends_where_it_goes_wrong() -> None:
    """Although the search looks ahead, what is named is the first answer that does not fit."""

    def append(process, call, returned, text):
        return Operation(process, call, returned, ["append", "log", text])

    def look(process, call, returned, text):
        return Operation(process, call, returned, ["read", "log"], text)

    result = check(
        [
            append(1, 0, None, "a"),
            append(2, 0, 1, "b"),
            look(3, 2, 3, "ab"),
            append(2, 4, 9, "c"),
            look(3, 5, 6, "b"),
            look(3, 10, 11, "abc"),
        ],
        Register(),
    )
    assert str(result).splitlines() == [
        "not linearizable",
        'key "log": 2 of 5 answers can be explained, but not also',
        "  process 3  [5..6]  read log -> b",
        "One such order ends with",
        "  process 1  [0..]  append log a -> ?",
        "  process 2  [0..1]  append log b -> nil",
        "  process 3  [2..3]  read log -> ab",
        "which leads to",
        "  ab",
        "Under way at that moment, or never answered:",
        "  process 1  [0..]  append log a -> ?, which has taken effect",
        "  process 2  [4..9]  append log c -> nil",
    ]
