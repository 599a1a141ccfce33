"""What a page refuses, in words that say what to do; segments in the characters of a browser; and shades that can be read."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapley_credit import InputError

from page_content import content
from row_files import Command, write_rows

pytestmark = pytest.mark.checkout

STYLE = Path(__file__).parents[2] / "shapley_credit" / "report" / "page" / "page.css"

GOOD: dict[str, Any] = {"uid": "a", "completion": "four", "reward": 1.0}


def page(rows: Any, **options: Any) -> str:
    from shapley_credit import report

    made: str = report.page(pd.DataFrame(rows) if isinstance(rows, list) else rows, **options)
    return made


def part(start: Any = 0, end: Any = 4, credit: Any = 1.0, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "credit": credit, **more}


REFUSED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str]] = {
    "no rows": ([], {}, "the frame holds no row"),
    "no completion": ([{"uid": 1, "reward": 1.0}], {}, "no column is called as a completion is"),
    "no group": ([{"completion": "a", "reward": 1.0}], {}, "no column is called as a group is"),
    "no reward": ([{"uid": 1, "completion": "a"}], {}, "no column is called as a reward is"),
    "a column that is not there": (
        [GOOD],
        {"completion": "completions"},
        "no column 'completions' of completions; did",
    ),
    "shown and not there": ([GOOD], {"show": ["modle"]}, "there is no column 'modle' of values"),
    "steps of one group": (
        [GOOD | {"step": 1}, GOOD | {"step": 2}],
        {"by": "uid"},
        r"have steps 1 to 2, .* --by step --by uid",
    ),
    "a step that is no number": ([GOOD | {"step": "x"}], {}, "column 'step' must hold finite numbers; row 0 has 'x'"),
    "no credit in a row": (
        [GOOD | {"credit": 1.0}, GOOD | {"credit": None}],
        {},
        "column 'credit' must hold finite numbers; row 1 has None",
    ),
    "no reward in a row": ([GOOD, GOOD | {"reward": None}], {}, "reward: double, no finite number in row 1"),
    "no id": ([GOOD, GOOD | {"uid": None}], {}, "row 1 has no id in column 'uid'"),
    "infinite advantage": ([GOOD | {"advantage": float("inf")}], {}, "'advantage' must hold finite numbers; row 0 has inf"),
    "an unknown utility": ([GOOD], {"utility": "Maxx(reward)"}, "did you mean Max"),
    "an unknown advantage": ([GOOD], {"advantage": "median"}, "the baseline of advantage"),
    "a title that is no text": ([GOOD], {"title": 7}, "the title of a page must be"),
    "segments that are no list": ([GOOD | {"segments": 3}], {}, "the segments of row 0 must be a list of"),
    "segments that are no JSON": ([GOOD | {"segments": "["}], {}, "the segments of row 0 are no JSON"),
    "segments that overlap": ([GOOD | {"segments": [part(0, 3), part(2, 4)]}], {}, r"\[2, 4\) of 4 characters, .* ends at 3"),
    "a segment behind the text": ([GOOD | {"segments": [part(0, 5)]}], {}, r"segment 0 of row 0 is \[0, 5\) of 4 characters"),
    "a segment before the text": ([GOOD | {"segments": [part(-1, 2)]}], {}, r"\[-1, 2\)"),
    "a segment that ends first": ([GOOD | {"segments": [part(3, 2)]}], {}, r"\[3, 2\)"),
    "half a character": ([GOOD | {"segments": [part(0.5)]}], {}, "'start' of a segment of row 0 must be a whole number"),
    "a start without end": ([GOOD | {"segments": [part(float("inf"))]}], {}, "'start' of a segment .* whole number .* got inf"),
    "segments that are nested deeply": ([GOOD | {"segments": "[" * 100_000}], {}, "the segments of row 0 are no JSON"),
    "a name that is no text": ([GOOD], {"prompt": 5}, "the column of prompts must be a string; got 5"),
    "credits without a sum": ([GOOD | {"credit": 1e308}] * 2, {}, "'credit' in a group add up to more than float64 holds"),
    "no end": ([GOOD | {"segments": [{"start": 0, "credit": 1}]}], {}, "'end' of a segment of row 0 must be a whole number"),
    "no credit": (
        [GOOD | {"segments": [{"start": 0, "end": 1}]}],
        {},
        "'credit' of a segment of row 0 must be a finite number",
    ),
    "NaN": ([GOOD | {"segments": [part(credit=float("nan"))]}], {}, "'credit' of a segment of row 0 must be a finite number"),
    "an error that is a text": ([GOOD | {"segments": [part(error="0.1")]}], {}, "'error' of a segment of row 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_can_not_be_right_is_refused(case: str) -> None:
    rows, options, told = REFUSED[case]
    with pytest.raises(InputError, match=told):
        page(rows, **options)


def test_half_a_surrogate_in_a_frame_is_refused() -> None:
    frame = pd.DataFrame({"uid": [1], "completion": pd.Series(["\ud800"], dtype=object), "reward": [1.0]})
    with pytest.raises(InputError, match="'completion' holds half a surrogate"):
        page(frame)


def test_messages_that_are_nested_deeply_are_text() -> None:
    text = '[{"role":' + "[" * 100_000
    _, ((_, said, _),) = content(page([GOOD | {"completion": text}]))
    assert said == [text]


def test_columns_that_no_text_names_are_left_out() -> None:
    index, _ = content(page(pd.DataFrame([GOOD]).assign(more=1).rename(columns={"more": 0}), show="reward"))
    assert index["shown"] == {"reward": ["1.0"]}


@pytest.mark.parametrize("steps", ["*.parquet", "step-1.parquet step-10.parquet step-2.parquet"])
def test_a_recorded_run_needs_no_options(steps: str, tmp_path: Path, command: Command) -> None:
    """Its segments have advantages, and so have its completions; the id names the group, and not the text."""
    from shapley_credit.adapters.recording import Recorder

    recorder = Recorder(tmp_path, tables=False)
    for step in (10, 1, 2):
        spans = [[part(0, 2, 0.5), part(2, 4, step - 1.0)], []]
        texts = {"prompt_id": ["a", "a"], "prompt": ["2 + 2?", "2 + 2?"], "completion": ["four", "five"]}
        recorder.write(step, {**texts, "advantage": [step - 0.5, -0.5], "segments": spans})
    out = tmp_path / "run.html"
    done = command("page", *(tmp_path / name for name in steps.split()), "--out", out)
    assert (done.status, done.err[: done.err.index("6 rows")]) == (
        0,
        "group: step, prompt_id (guessed)\nadvantages as recorded (guessed)\n",
    )
    index, groups = content(out.read_text(encoding="utf-8"))
    assert (index["step"], index["credit"]) == ([1, 2, 10], [0.5, -0.5, 1.5, -0.5, 9.5, -0.5])
    assert [parts[0]["credit"] for _, _, parts in groups] == [[0.5, 0], [0.5, 1], [0.5, 9]]


def test_a_utility_comes_before_recorded_advantages() -> None:
    row = GOOD | {"advantage": 3.0, "segments": [part()]}
    index, _ = content(page([row], utility="Max(reward)"))
    assert index["credit"] == [1]
    del row["segments"]  # without segments it is a table of completions, as TRL writes it
    assert content(page([row]))[0]["credit"] == [1]


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(InputError, match="got dict"):
        page({"completion": ["a"]})
    from shapley_credit import report

    with pytest.raises(AttributeError, match="pages"):
        report.pages  # noqa: B018


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(monkeypatch, capsys)


ROW = json.dumps(GOOD)
COMMANDS = {
    "suffix": (ROW, "run.txt", "a page is HTML, so that its file ends in .html; got"),
    "cut off": (ROW + "\n{", "run.html", "line 2: it is JSON that is cut off"),
    "empty": ("\n", "run.html", "a.jsonl holds no row."),
    "folder": (ROW, "no/where/run.html", "can't be written"),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_the_command_refuses_in_one_line_and_writes_nothing(case: str, tmp_path: Path, command: Command) -> None:
    lines, out, told = COMMANDS[case]
    (tmp_path / "a.jsonl").write_text(lines)
    done = command("page", tmp_path / "a.jsonl", "--out", tmp_path / out)
    assert done.status == 1
    assert told in done.err
    assert done.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.jsonl"]


def test_the_command_writes_to_standard_output(tmp_path: Path, command: Command) -> None:
    write_rows(tmp_path / "a.jsonl", [GOOD])
    done = command("page", tmp_path / "a.jsonl", "--out", "-", "--title", "One answer")
    assert (done.status, done.err) == (0, "group: uid (guessed)\nutility: Max(reward) (guessed)\n1 rows, 0.0 MB\n")
    assert "<title>One answer</title>" in done.out


TEXTS = st.text(st.one_of(st.characters(exclude_categories=["Cs"]), st.sampled_from("a \U0001f426\U0010ffff")), min_size=1)


@given(TEXTS, st.data())
def test_segments_are_cut_where_a_browser_counts(text: str, data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2, max_size=6)) if len(text) > 1 else {0, 1})
    spans = list(pairwise(places))[:: data.draw(st.sampled_from([1, 2]))]
    given_parts = [part(start, end, float(number)) for number, (start, end) in enumerate(spans)]
    row = GOOD | {"completion": text, "segments": json.dumps(data.draw(st.permutations(given_parts)))}
    _, ((_, (said,), (parts,)),) = content(page([row]))
    units, at = said.encode("utf-16-le"), 0
    for gap, size, (start, end) in zip(parts.get("gap", [0] * len(spans)), parts["size"], spans, strict=True):
        cut = units[2 * (at + gap) : 2 * (at + gap + size)]
        assert cut.decode("utf-16-le") == text[start:end]
        at += gap + size
    assert parts["credit"] == list(range(len(spans)))


def test_what_is_known_of_some_segments_is_kept_in_its_place() -> None:
    row = GOOD | {"segments": [part(0, 1, 0.12345, union=2), part(1, 2, -1e-9, error=0.5), part(3, 4, 1234567.0, without=2)]}
    ((_, _, (parts,)),) = content(page([row]))[1]
    assert parts == {
        "size": [1, 1, 1],
        "credit": [0.123, -1e-09, 1230000],
        "gap": [0, 0, 1],
        "error": [None, 0.5, None],
        "without": [None, None, 2],
        "union": ["2", None, None],
    }


def test_rows_without_segments_stand_beside_rows_with_some() -> None:
    index, groups = content(page([GOOD | {"segments": [part()]}, GOOD | {"reward": 0.5, "segments": None}]))
    assert index["segmented"]
    assert groups[0][2] == [{"size": [4], "credit": [1]}, None]


def test_messages_with_parts_and_calls_are_texts() -> None:
    said = [{"role": "assistant", "content": [{"type": "text", "text": "see "}, {"type": "image"}], "tool_calls": [{"id": 1}]}]
    _, ((_, texts, _),) = content(page(pa.Table.from_pylist([GOOD | {"completion": json.dumps(said)}])))
    assert texts == ['see [image][{"id": 1}]']
    _, ((_, texts, _),) = content(page([GOOD | {"completion": '[{"role" is no JSON'}]))
    assert texts == ['[{"role" is no JSON']


def themes() -> dict[str, dict[str, str]]:
    """The colours of each theme by name."""
    blocks = re.findall(r":root \{(.*?)\}", STYLE.read_text(encoding="utf-8"), re.DOTALL)
    light, dark, printed = (dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in blocks[:3])
    return {"light": light, "dark": light | dark, "print": light | printed}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


SHADES = [f"{sign}{level}" for sign in "pn" for level in range(1, 5)]


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_can_be_read_on_every_shade(theme: str) -> None:
    """WCAG 2.2 AA: 4.5 for text, 3 for what is no text but must be seen."""
    colours = themes()[theme]
    for ground in ["paper", *SHADES]:
        assert contrast(colours["ink"], colours[ground]) >= 4.5, ground
    for text in ("quiet", "accent"):
        assert contrast(colours[text], colours["paper"]) >= 4.5
        assert contrast(colours[text], colours["ground"]) >= 4.5
    assert contrast(colours["hitink"], colours["hit"]) >= 4.5
    for line in ("edge", "up", "down", "accent"):
        assert contrast(colours[line], colours["paper"]) >= 3.0, line
    for sign in "pn":  # each shade further from the paper than the one before
        steps = [contrast(colours["paper"], colours[f"{sign}{level}"]) for level in range(1, 5)]
        assert steps == sorted(steps)
        assert steps[0] > 1.03


def test_the_check_of_contrast_can_fail() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") < 4.5 < contrast("#757575", "#ffffff")
