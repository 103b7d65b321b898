"""Recording a history, keeping it in a file, and reading it again."""

import pytest

from tests.histories.recorder import History


def record():
    """Record an operation of each outcome, one of them under way."""
    history = History("document", {"n": 0})
    one = history.begin("one", ["increment", "/n", 1])
    two = history.begin("two", ["read", "/n"])
    lost = history.begin("three", ["increment", "/n", 5])
    refused = history.begin("four", ["increment", "/n", 7])
    one.returned(1)
    two.returned(1)
    lost.unknown()
    refused.failed()
    history.begin("one", ["patch", [{"op": "remove", "path": "/n"}]])
    return history


def test_a_history_holds_what_may_have_had_an_effect_in_the_order_of_calls() -> None:
    """What certainly failed is left out; what is under way has an unknown outcome."""
    operations = record().operations
    assert [(one.process, one.call, one.returned, one.output) for one in operations] == [
        ("one", 0, 4, 1),
        ("two", 1, 5, 1),
        ("three", 2, None, None),
        ("one", 6, None, None),
    ]


def test_a_history_read_from_its_file_is_the_same(tmp_path) -> None:
    """What a failing run left behind gets the same verdict again."""
    history = record()
    history.uncertainty = 0.5
    history.dump(tmp_path / "history.jsonl")
    again = History.load(tmp_path / "history.jsonl")
    assert again.operations == history.operations
    assert (again.model, again.initial, again.uncertainty) == ("document", {"n": 0}, 0.5)
    assert again.check() == history.check()
    assert again.check().is_linearizable


def test_a_call_settles_once() -> None:
    """Two outcomes for one call are the recording program's mistake."""
    call = History("register").begin(1, ["read", "x"])
    call.returned(3)
    with pytest.raises(AssertionError, match="one outcome"):
        call.unknown()


def test_what_was_asked_may_become_known_with_the_outcome() -> None:
    """What an update was given, and returned, shows only when it is over."""
    history = History("document", {"n": 4})
    call = history.begin(1, ["read", ""])
    call.operation = ["update", "/n", 4, 5]
    call.returned()
    assert history.operations[0].input == ["update", "/n", 4, 5]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1),
        ('{"model": "queue", "initial": null, "uncertainty": 0}\n', 1),
        ('{"model": "register", "initial": null, "uncertainty": 0}\n{"process": 1}\n', 2),
        ('{"model": "register", "initial": null, "uncertainty": 0}\nnonsense\n', 2),
    ],
)
def test_a_file_that_is_no_history_is_refused_by_name_and_line(tmp_path, text, line) -> None:
    """Whoever damaged it finds the place."""
    path = tmp_path / "history.jsonl"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"history\.jsonl:{line}: "):
        History.load(path)
