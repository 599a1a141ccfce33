"""What pictures show is what was computed, and nothing else is changed by drawing them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import shapley_credit as sc
from numpy.testing import assert_allclose, assert_array_equal
from shapley_credit import CoalitionTree, semivalues
from shapley_credit import utilities as u
from shapley_credit.credit import segments
from shapley_credit.plots.canvas import THEMES, Theme, signed_colours

from plot_cases import HARD, PICTURES, SHADES, estimates, exact, hard, nested, plain, ragged

plots: Any = sc.plots  # the artists of matplotlib are of many types


@pytest.fixture(autouse=True)
def _no_figure_stays() -> Iterator[None]:
    yield
    plt.close("all")


def names_of(ax: Any) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_bars_are_credits() -> None:
    group = plain()
    ax = plots.bars(group)
    order = np.argsort(-np.abs(group.credit), kind="stable")
    assert names_of(ax) == [group.names[i] for i in order]
    assert_allclose([bar.get_width() for bar in ax.patches], group.credit[order])
    assert [text.get_text() for text in ax.texts] == [f"{credit:+.3g}" for credit in group.credit[order]]
    colours = THEMES["light"]
    signs = [colours.positive if credit >= 0 else colours.negative for credit in group.credit[order]]
    assert [mpl.colors.to_hex(bar.get_facecolor()) for bar in ax.patches] == signs
    assert_array_equal(ax.get_yticks(), range(6))
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first row on top


def test_the_least_are_summed() -> None:
    credit = np.array([4.0, -3.0, np.nan, 2.0, -1.0, 0.5, np.nan])
    ax = plots.bars(credit, max_display=4)
    assert names_of(ax) == ["0", "1", "3", "4 others (2 absent)"]
    assert [bar.get_width() for bar in ax.patches] == [4, -3, 2, -0.5]
    assert names_of(plots.bars(credit, max_display=6))[-1] == "2 others"
    assert len(plots.bars(credit, max_display=None).patches) == 5
    assert names_of(plots.bars(credit, max_display=7)) == ["0", "1", "3", "4", "5", "2", "6"]


def test_absent_members_are_said_to_be() -> None:
    ax = plots.bars(hard(6, absent=True))
    assert [text.get_text() for text in ax.texts].count("absent") == 2
    assert len(ax.patches) == 4
    only = plots.waterfall([np.nan, np.nan])
    assert not only.patches
    assert [text.get_text() for text in only.texts] == ["absent", "absent"]


def test_intervals_are_those_of_the_estimate() -> None:
    found = estimates()[1]
    ax = plots.bars(found, max_display=None)
    order = np.argsort(-np.abs(found.values), kind="stable")
    low, high = found.interval(0.95)
    (segments_drawn,) = ax.containers[1].lines[2]
    ends = [segment[:, 0] for segment in segments_drawn.get_segments()]
    assert_allclose(ends, np.stack([low, high], axis=1)[order])


def test_a_waterfall_runs_from_nothing_to_all() -> None:
    group = plain()
    ax = plots.waterfall(group, empty=0.25)
    bars = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    assert bars[-1][0] == 0.25
    for (left, own), (start, _) in zip(bars[:0:-1], bars[-2::-1], strict=True):
        assert left + own == pytest.approx(start)
    assert sum(bars[0]) == pytest.approx(0.25 + group.credit.sum())
    assert ax.get_title(loc="left") == f"From v(empty) = 0.25 to v(N) = {0.25 + group.credit.sum():.4g}"


def test_a_waterfall_of_an_explanation_starts_at_its_empty_set() -> None:
    """The groups of one may have empty sets of different worth; credits alone say nothing about theirs."""
    groups = sc.explain(2.0 * u.Max([[8.0, 11.0], [1.0, 3.0]], base=[5.0, -1.0]))
    assert groups.empty.tolist() == [10.0, -2.0]
    titles = [plots.waterfall(drawn).get_title(loc="left") for drawn in (groups[0], groups[1], groups[0].credit)]
    assert titles == [f"From v(empty) = {start} to v(N) = {end}" for start, end in ((10, 22), (-2, 6), (0, 12))]
    attributed = sc.attribute(["a", "b"], lambda kept: 3.0 + len(kept))
    assert plots.waterfall(attributed).get_title(loc="left") == "From v(empty) = 3 to v(N) = 5"


def test_curves_by_size() -> None:
    group = hard(6, absent=True)
    ax = plots.by_size(group, max_display=2)
    order = [i for i in np.argsort(-np.abs(group.credit), kind="stable") if group.present[i]]
    for line, i in zip(ax.lines[:4], order, strict=True):
        assert_array_equal(line.get_ydata(), group.by_size[i, :4])
    assert [text.get_text() for text in ax.get_legend().get_texts()][-1] == "2 others"


def test_cells_of_pairs() -> None:
    group = plain()
    ax = plots.pairs(group)
    cells = ax.images[0].get_array()
    off = ~np.eye(6, dtype=np.bool_)
    assert_array_equal(np.asarray(cells)[off], group.without[off])
    assert_array_equal(cells.mask, ~off)
    told = {(round(text.get_position()[1]), round(text.get_position()[0])): text.get_text() for text in ax.texts}
    assert told == {(i, j): f"{group.without[i, j]:+.3g}" if group.without[i, j] else "0" for i in range(6) for j in range(6)}
    low, high = ax.images[0].get_clim()
    assert low == -high == -np.abs(group.without[off]).max()
    absent = np.asarray(plots.pairs(hard(6, absent=True)).images[0].get_array().mask)
    assert absent[[1, 4]].all()
    assert absent[:, [1, 4]].all()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"The text of the document {word} from here" for word in "abcdef"], r"\.\.[a-f] .*"),
        ([f"{kind} of a document that begins alike, {i}" for kind in "xy" for i in "123"], r"\d: [xy].*"),
        (["ant", "bee", "cat", "dog", "elk", "fox"], "[a-z]{3}"),
    ],
    ids=["beginning", "numbers", "short"],
)
def test_names_that_begin_alike_look_different(names: list[str], told: str) -> None:
    ax = plots.pairs(plain(), names=names)
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert len({label.get_text() for label in labels}) == 6
        assert all(re.fullmatch(told, label.get_text()) for label in labels)


def test_a_box_has_the_name_of_the_union_that_it_is() -> None:
    tree = CoalitionTree.from_nested([[0, 1], [2, [3, 4]]])
    told = {text.get_text() for text in plots.tree(np.ones(5), tree, unions=["web", "web", "b", "c", "c"]).texts}
    assert {"web +2", "+3", "c +2"} <= told
    told = {text.get_text() for text in plots.tree(np.ones(5), tree, unions=["web", "web", "web", "c", "c"]).texts}
    assert {"+2", "+3", "c +2"} <= told


def test_cells_of_interactions() -> None:
    group = plain()
    ax = plots.pairs(group, of="interactions")
    off = ~np.eye(6, dtype=np.bool_)
    assert_array_equal(np.asarray(ax.images[0].get_array())[off], group.interactions[off])
    assert ax.get_title(loc="left") + ax.get_title() == "What pairs add beyond what their members add alone"


def test_labels_that_are_texts_name_the_boxes() -> None:
    labels = ["intro", "intro", "body", "end"]
    told = [text.get_text() for text in plots.tree([1.0, 2.0, 3.0, 4.0], labels).texts]
    assert told == ["all +10", "intro +3", "0 +1", "1 +2", "body: 2 +3", "end: 3 +4"]
    named = CoalitionTree.from_labels(labels, names=["ann", "bob", "cyd", "end"])
    told = [text.get_text() for text in plots.tree([1.0, 2.0, 3.0, 4.0], named).texts]
    assert told == ["all +10", "intro +3", "ann +1", "bob +2", "body: cyd +3", "end +4"]
    told = [text.get_text() for text in plots.tree([1.0, 2.0, 3.0, 4.0], named, unions=["x", "x", "y", "z"]).texts]
    assert told[1] == "x +3"


def test_every_pair_has_its_number_in_a_default_figure() -> None:
    """Long names take room from the cells, and small numbers are wide."""
    group = sc.explain(u.LogSumExp(np.arange(8) / 70), names=[f"{i} of the documents" for i in range(8)])
    ax = plots.pairs(group, of="interactions")
    assert len(ax.texts) == 64
    assert min(text.get_fontsize() for text in ax.texts) >= 5
    figure = plt.figure(figsize=(2, 2), layout="constrained")
    assert not plots.pairs(group, ax=figure.subplots()).texts


def test_boxes_of_a_tree_hold_the_sums_of_their_members() -> None:
    credit = np.array([1.0, -2.0, 0.5, np.nan, 4.0])
    ax = plots.tree(credit, CoalitionTree.from_nested([["ann", "bob"], ["cyd", ["dee", "eve"]]]))
    told = [text.get_text() for text in ax.texts]
    assert told == ["all +3.5", "-1", "ann +1", "bob -2", "+4.5", "cyd +0.5", "+4", "dee absent", "eve +4"]
    assert [box.get_height() for box in ax.patches] == [5, 2, 1, 1, 3, 1, 2, 1, 1]
    shade = signed_colours(THEMES["light"])
    assert_allclose(ax.patches[1].get_facecolor(), shade(0.5 - 0.5 / 4.5))
    assert ax.patches[7].get_hatch()


def test_every_part_of_a_text_has_its_shade() -> None:
    ax = plots.tokens([f" w{i}" for i in range(8)], SHADES)
    shade = signed_colours(THEMES["light"])
    assert [text.get_text() for text in ax.texts] == [f" w{i}" for i in range(8)]
    for box, value in zip(ax.patches, SHADES, strict=True):
        paper = mpl.colors.to_rgba(THEMES["light"].paper)
        assert_allclose(box.get_facecolor(), paper if np.isnan(value) else shade(0.5 + 0.5 * value))


def test_segmented_texts_and_line_breaks() -> None:
    parts = segments.segment("One red. Two\nblue.", segments.matching("red|blue"))
    ax = plots.tokens(parts, [1.0, -1.0, 0.0])
    assert "".join(text.get_text() for text in ax.texts) == "One red. Twoblue."
    heights = {text.get_text(): text.get_position()[1] for text in ax.texts}
    assert heights["blue"] > heights["red"]


def test_a_text_that_does_not_fit_is_cut_and_said_to_be() -> None:
    _, ax = plt.subplots(figsize=(2, 1.5))
    plots.tokens(["word "] * 900, np.ones(900), ax=ax)
    drawn = sum(len(text.get_text()) for text in ax.texts[:-1])
    assert ax.texts[-1].get_text().startswith(".. and ")
    left = int(ax.texts[-1].get_text().split()[2].replace(",", ""))
    assert left + drawn > 4000
    assert max(text.get_position()[1] for text in ax.texts) <= ax.get_ylim()[0]


def test_groups_of_all_kinds() -> None:
    rows = ragged(5, 4)
    cells = plots.groups(rows).images[0].get_array()
    for cell, row in zip(cells, rows, strict=True):
        assert_array_equal(cell.compressed(), row)
    batch = sc.explain(u.Max([[1.0, 2.0], [3.0, 4.0]], mask=[[True, True], [False, True]]))
    assert plots.groups(batch).images[0].get_array().tolist() == [[0.5, 1.5], [None, 4.0]]
    assert plots.groups(batch.credit, names=["x", "y"]).images[0].get_array().shape == (2, 2)


def test_what_semivalues_follow() -> None:
    rules = [semivalues.shapley, semivalues.of_size(2)]
    ax = plots.objective(rules, 5)
    for rule, line in zip(rules, ax.lines, strict=False):
        assert_allclose(line.get_ydata(), rule.objective(5))
        assert_array_equal(line.get_xdata(), range(1, 6))
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["shapley", "of_size(2)"]


def test_estimates_converge() -> None:
    found = estimates()
    ax = plots.convergence(found[::-1], members=[7, 3], exact=exact(), names=[f"m{i}" for i in range(12)])
    for line, i in zip(ax.lines, (7, 3), strict=False):
        assert_array_equal(line.get_xdata(), [each.evaluations for each in found])
        assert_array_equal(line.get_ydata(), [each.values[i] for each in found])
    ends = [segment[:, 1] for segment in ax.collections[1].get_segments()]
    assert_allclose(ends, [[bound[7] for bound in each.interval()] for each in found])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["m7", "m3"]
    heights = [line.get_ydata()[0] for line in ax.lines[-2:]]
    assert_allclose(heights, exact()[[7, 3]])


def theme_of(ax: Any) -> Theme:
    return next(theme for theme in THEMES.values() if mpl.colors.same_color(theme.faint, ax.xaxis.label.get_color()))


@pytest.mark.parametrize("name", list(PICTURES))
def test_drawing_changes_no_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plt, "show", lambda *given, **options: pytest.fail("shown"))
    before = dict(mpl.rcParams)
    ax = PICTURES[name]()
    assert dict(mpl.rcParams) == before
    assert ax.get_title(loc="left")
    assert mpl.colors.same_color(ax.figure.get_facecolor(), "white")
    figure, own = plt.subplots(facecolor="#101010")
    open_figures = plt.get_fignums()
    assert PICTURES[name](ax=own) is own
    assert plt.get_fignums() == open_figures
    assert mpl.colors.same_color(figure.get_facecolor(), "#101010")
    assert theme_of(own) == THEMES["dark"]
    assert theme_of(PICTURES[name](ax=plt.subplots()[1])) == THEMES["light"]
    asked = PICTURES[name](theme="dark")
    assert mpl.colors.same_color(asked.figure.get_facecolor(), THEMES["dark"].paper)


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "groups in bars": (lambda: plots.bars([[1.0, 2.0]]), r"one group is drawn, credits of shape \[k\]; got shape \(1, 2\)"),
    "nothing": (lambda: plots.bars([]), r"one group is drawn"),
    "infinite": (lambda: plots.bars([1.0, np.inf]), r"credit must be finite, or NaN for absent members; found inf"),
    "text": (lambda: plots.bars(["a"]), r"credit must be numbers"),
    "none": (lambda: plots.waterfall(None), r"credit must be numbers"),
    "few names": (lambda: plots.bars([1.0, 2.0], names=["a"]), r"names must be 2 strings, one a member; got 1"),
    "display": (lambda: plots.bars([1.0], max_display=1), r"max_display must be a whole number >= 2"),
    "theme": (lambda: plots.bars([1.0], theme="blue"), r"theme must be one of light, dark; got 'blue'"),
    "axes": (lambda: plots.bars([1.0], ax="here"), r"ax must be an Axes of matplotlib"),
    "polar": (
        lambda: plots.bars([1.0], ax=mpl.figure.Figure().add_subplot(polar=True)),
        r"rectilinear, .* that are polar",
    ),
    "empty": (lambda: plots.waterfall([1.0], empty=float("nan")), r"empty, v\(empty\), must be a finite number"),
    "no pairs": (lambda: plots.pairs(plain(), of="by_size"), r"of must be one of without, interactions; got 'by_size'"),
    "no explanation": (lambda: plots.pairs([1.0]), r"pairs draws what sc.explain\(utility\) returns"),
    "many groups": (lambda: plots.by_size(sc.explain(u.Max([[1.0]]))), r"by_size draws one group; .* groups \(1,\)"),
    "nobody": (lambda: plots.by_size(sc.explain(u.Max([1.0], mask=[False]))), r"no member of this group is present"),
    "curves": (lambda: plots.by_size(plain(), max_display=7), r"max_display must be 1 .. 6"),
    "tree": (lambda: plots.tree([1.0, 2.0], [[0, 1], [2]]), r"the coalition tree has 3 members, but there are credits of 2"),
    "trees": (lambda: plots.tree([1.0], CoalitionTree.from_labels([[0], [0]])), r"tree draws one coalition tree"),
    "one group": (lambda: plots.groups([1.0, 2.0]), r"groups draws the credits of many groups"),
    "no members": (lambda: plots.groups([[], []]), r"with at least one member"),
    "no text": (lambda: plots.tokens(["", ""], [1.0, 2.0]), r"the text has no characters"),
    "a string": (lambda: plots.tokens("abc", [1.0]), r"pieces must be a list of strings, or a SegmentedText; got 'abc'"),
    "credits": (lambda: plots.tokens(["a"], [1.0, 2.0]), r"one number for each of 1 parts of the text; got shape \(2,\)"),
    "rules": (lambda: plots.objective([], 3), r"objective draws 1 to 6 semivalues"),
    "samples": (lambda: plots.objective(semivalues.shapley, 0), r"k must be a whole number >= 1"),
    "no estimates": (lambda: plots.convergence([]), r"convergence draws estimates"),
    "others": (lambda: plots.convergence([estimates()[0], sc.plan(2).solve(np.ones(4))]), r"the same members; got shapes"),
    "member": (lambda: plots.convergence(estimates(), members=[12]), r"members must be 1 to 6 of 0 .. 11; got \[12\]"),
    "exact": (lambda: plots.convergence(estimates(), exact=[1.0]), r"exact must be credits of shape \(12,\)"),
}


@pytest.mark.parametrize(("call", "match"), REFUSED.values(), ids=list(REFUSED))
def test_what_is_refused(call: Callable[[], Any], match: str) -> None:
    figures = plt.get_fignums()
    with pytest.raises(sc.InputError, match=match):
        call()
    assert plt.get_fignums() == figures


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.pyplot", None)
    with pytest.raises(sc.MissingExtraError, match=r"plots need matplotlib; run, in a checkout .*: pip install '\.\[plots\]'"):
        plots.bars([1.0])


def test_hard_cases_are_of_every_function() -> None:
    assert list(HARD) == list(PICTURES)
    assert nested(6)
