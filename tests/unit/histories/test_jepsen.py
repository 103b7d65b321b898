"""Reading what Jepsen has recorded, and deciding as others have decided."""

import pytest

from tests.histories.checker import Verdict
from tests.histories.command import DATA, read_verdicts
from tests.histories.edn import Keyword, read_all
from tests.histories.jepsen import read_history

VERDICTS = dict(read_verdicts(DATA / "verdicts.tsv"))


def history_of(tmp_path, text):
    """Read a history from text."""
    path = tmp_path / "history.log"
    path.write_text(text)
    return read_history(path)


def inputs_of(history):
    """Return what was asked and answered, and the lines of call and return."""
    return [(one.input, one.output, one.call, one.returned) for one in history.operations]


@pytest.mark.parametrize("path", VERDICTS, ids=lambda path: path.name)
def test_the_verdict_on_a_recorded_history_is_that_of_others(path) -> None:
    """Fifty-two runs of etcd, which Porcupine has judged."""
    assert read_history(path).check().verdict is VERDICTS[path]


def test_all_histories_are_there() -> None:
    """Each of the files that came with verdicts has one, and not all are alike."""
    assert {path.name for path in DATA.glob("*.log")} == {path.name for path in VERDICTS}
    assert len(VERDICTS) == 52
    assert set(VERDICTS.values()) == {Verdict.LINEARIZABLE, Verdict.NOT_LINEARIZABLE}


def test_each_kind_of_answer_means_what_jepsen_says(tmp_path) -> None:
    """Failed reads and writes did not happen, a failed cas found another value, the rest is open."""
    history = history_of(
        tmp_path,
        """\
INFO  jepsen.util - 0	:invoke	:read	nil
INFO  jepsen.util - 1	:invoke	:write	4
INFO  jepsen.util - :nemesis	:info	:start	"cut off \\"n1\\"" {:n2 #{"n3" :n4}}
INFO  jepsen.core - Everything looks good!
INFO  jepsen.util - 0	:ok	:read	3
INFO  jepsen.util - 2	:invoke	:cas	[3 4]
INFO  jepsen.util - 1	:info	:write	:timed-out
INFO  jepsen.util - 2	:fail	:cas	[3 4]
INFO  jepsen.util - 3   :invoke :read   nil
INFO  jepsen.util - 3   :fail   :read   :timed-out
INFO  jepsen.util - 4   :invoke :cas    [1 2]
INFO  jepsen.util - 4   :fail   :cas    :timed-out
INFO  jepsen.util - 5   :invoke :write  6
INFO  jepsen.util - 5   :fail   :write  6
INFO  jepsen.util - 6   :invoke :cas    [7 8]
INFO  jepsen.util - 6   :ok     :cas    [7 8]
INFO  jepsen.util - 7   :invoke :write  9
INFO  jepsen.util - 7   :ok     :write  9
INFO  jepsen.util - 8   :invoke :cas    [9 1]
""",
    )
    assert inputs_of(history) == [
        (["read", None], 3, 1, 5),
        (["write", None, 4], None, 2, None),
        (["cas", None, 3, 4], False, 6, 8),
        (["cas", None, 7, 8], True, 15, 16),
        (["write", None, 9], None, 17, 18),
        (["cas", None, 9, 1], None, 19, None),
    ]


def test_a_process_that_asks_anew_was_never_answered(tmp_path) -> None:
    """What it asked before may take effect all the same."""
    text = "0	:invoke	:write	1\n0	:invoke	:read	nil\n0	:ok	:read	1\n"
    assert inputs_of(history_of(tmp_path, text)) == [
        (["write", None, 1], None, 1, None),
        (["read", None], 1, 2, 3),
    ]


def test_other_forms_of_the_same_are_read_too(tmp_path) -> None:
    """Newer logs, bare lines, maps, and values with keys."""
    assert inputs_of(
        history_of(
            tmp_path,
            """\
2024-05-01 10:00:00,123{GMT}	INFO	[jepsen worker 0] jepsen.util: 0	:invoke	:write	[7 1]
1	:invoke	:read	[8 nil]
0	:ok	:write	[7 1]
{:process 1, :type :ok, :f :read, :value [8 2], :time 123456, :index 3}
2	:invoke	:cas	[7 [1 2]]
2	:fail	:cas	[7 [1 2]]	[:unavailable "no leader"]
""",
        )
    ) == [(["write", 7, 1], None, 1, 3), (["read", 8], 2, 2, 4)]
    assert inputs_of(
        history_of(
            tmp_path,
            """\
{:process 4, :type :invoke, :f :get, :key "5", :value nil}
{:process 4, :type :ok, :f :get, :key "5", :value ""}
{:process 3, :type :invoke, :f :append, :key "5", :value "x 3 0 y"}
{:process 3, :type :ok, :f :append, :key "5", :value "x 3 0 y"}
""",
        )
    ) == [(["read", "5"], None, 1, 2), (["append", "5", "x 3 0 y"], None, 3, 4)]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ("garbage", "expected a process"),
        ("INFO  jepsen.util - 0	:ok	:read	nill", "a value is data, not 'nill'"),
        ("INFO  jepsen.util - 1	:invoke	:read", "expected a process"),
        ("INFO  jepsen.util - 1	:invoke	:write	[1", "']' is missing"),
        ("INFO  jepsen.util - 1	:invoke	:write	1]", "unexpected ']'"),
        ('INFO  jepsen.util - 1	:invoke	:write	"1', "a string without an end"),
        (
            "INFO  jepsen.util - 1	:began	:read	nil",
            "expected :invoke, :ok, :fail or :info, not 'began'",
        ),
        ("INFO  jepsen.util - 1	:invoke	:transfer	nil", "the functions known here are :read"),
        ("INFO  jepsen.util - 1.5	:invoke	:read	nil", "a process is a number"),
        ("INFO  jepsen.util - 1	:ok	:read	nil", "process 1 is answered, and has asked nothing"),
        ("INFO  jepsen.util - 0	:ok	:write	1", "the answer to :read of line 1 is :write"),
        ("INFO  jepsen.util - 1	:invoke	:cas	3", ":cas needs"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name_and_line(tmp_path, bad, says) -> None:
    """No line is passed over that might have been an operation."""
    with pytest.raises(ValueError, match=r"history\.log:2: ") as caught:
        history_of(tmp_path, f"INFO  jepsen.util - 0	:invoke	:read	nil\n{bad}\n")
    assert says in str(caught.value)


def test_a_file_without_operations_is_refused(tmp_path) -> None:
    """Nothing read is nothing checked."""
    with pytest.raises(ValueError, match="no operation"):
        history_of(tmp_path, "INFO  jepsen.core - Run complete\n\n")


def test_edn_is_read_as_far_as_histories_need_it() -> None:
    """Commas are blanks, keywords are their names, maps and vectors nest."""
    assert read_all(':a, [1 -2 3.5 nil true "x\\"y"] {:k {"v" ()}} 7N') == [
        "a",
        [1, -2, 3.5, None, True, 'x"y'],
        {"k": {"v": []}},
        7,
    ]
    assert isinstance(read_all(":a")[0], Keyword)
    assert read_all('#object[Timeout 0x1f "late"] #{1 :b} #inst "now"') == [
        ["Timeout", "0x1f", "late"],
        [1, "b"],
        "now",
    ]
    for wrong in ("{:a}", "[1)", "[", '"a'):
        with pytest.raises(ValueError):  # noqa: PT011 - each is wrong in a way of its own
            read_all(wrong)
