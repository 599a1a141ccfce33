"""One HTML file for a whole training run: groups, texts with their credits, steps, and a search over all of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from shapley_credit import __version__
from shapley_credit.inputs.checks import text_of
from shapley_credit.printable import printable
from shapley_credit.report.page_figures import Figures, figures_of, summary
from shapley_credit.report.page_parts import numbers, packed, rounded, text_blocks
from shapley_credit.report.page_rows import PROMPTS, Rollouts, is_id, prompt_and_completion, rows_of_frame, text_of_value
from shapley_credit.rollouts.columns import ASKED, REWARDS, SAMPLED, Head, guess_group, guess_utility
from shapley_credit.rollouts.expression import Expression, read_expression
from shapley_credit.utility import Utility

SEGMENTS = "segments"
ADVANTAGE = "advantage"
# Characters of a value in a column of its own, and of the name of a group.
_LONGEST = 60
# Of the credits that are shaded, this share is at most as large as the deepest shade says.
_DEEPEST = 0.95


@dataclass(frozen=True)
class PageRequest:
    """What is asked of a page; everything may be left to be guessed.

    Attributes:
        by: the columns that name a group.
        utility: an expression, or a function of the columns.
        credit: the column of credits that rows may carry.
        advantage: as `with_credit` takes it.
        prompt, completion: the columns of texts.
        show: more columns that stand beside the credits.
        title: of the page.
    """

    by: tuple[str, ...] = ()
    utility: str | Expression | Callable[[Mapping[str, Any]], Utility] | None = None
    credit: str = "credit"
    advantage: str | None = None
    prompt: str | None = None
    completion: str | None = None
    show: tuple[str, ...] = ()
    title: str | None = None


def page(
    frame: Any,
    *,
    by: str | Sequence[str] | None = None,
    utility: str | Expression | Callable[[Mapping[str, Any]], Utility] | None = None,
    credit: str = "credit",
    advantage: str | None = None,
    prompt: str | None = None,
    completion: str | None = None,
    show: str | Sequence[str] = (),
    title: str | None = None,
) -> str:
    """One HTML page of rollouts: every group with its credits and texts, and the steps of the run, in a file of its own.

        phi_i = sum_{S without i} p_|S| [v(S + i) - v(S)],      A_i = (phi_i - b_i) / s_i.

    frame: one row a completion, as `with_credit` takes it. A column `segments` holds for each row a list of
        {start, end, credit}, half-open, in characters, and error, union and without (what the response is worth without it)
        where they are known.
    by, utility: as for `with_credit`; guessed from the names of columns, as the command line does. Rows that carry a
        column of credits need no utility; with one the page also says what other rules would pay, and whether credits add up.
    credit: name of the column of credits that rows may carry; it is taken as it is.
    advantage: "mean", "mean/group_std", ..: columns of baseline, scale and advantage. Without it the page shows those that rows
        carry.
    prompt, completion: the columns of texts, strings or lists of messages. show: more columns that stand beside the credits.
    title: of the page.

    Returns the HTML, which asks for nothing else: no file, no network. Credits have three digits. Cost: that of three
        semivalues, and one compression of the texts; the page has about half their size.
    Raises InputError for columns that are missing or not what they must be, for segments that overlap or leave their text, and
        as `with_credit`.

    >>> import pandas as pd
    >>> from shapley_credit import report
    >>> rows = pd.DataFrame({"prompt": ["2 + 2?", "2 + 2?"], "completion": ["4", "5"], "reward": [1.0, 0.0]})
    >>> html = report.page(rows, by="prompt", utility="Max(reward)", title="Two answers")
    >>> "<title>Two answers</title>" in html
    True
    """
    names = (by,) if isinstance(by, str) else tuple(by or ())
    beside = (show,) if isinstance(show, str) else tuple(show)
    wish = PageRequest(names, utility, credit, advantage, prompt, completion, beside, title)
    return page_of(rows_of_frame(frame), wish)


def guessed(wish: PageRequest, rollouts: Rollouts) -> PageRequest:
    """The request with its group and utility, told by the columns where they are not given."""
    head = rollouts.head()
    needed = wish.utility is None and wish.credit not in head.names
    # A recorded run has advantages at its segments: those of its completions belong to them, and no utility is known.
    recorded = needed and wish.advantage is None and {SEGMENTS, ADVANTAGE} <= {*head.names}
    utility = guess_utility(head) if needed and not recorded else wish.utility
    read = read_expression(utility) if isinstance(utility, str) else utility
    return replace(wish, by=wish.by or _group(head), utility=read, credit=ADVANTAGE if recorded else wish.credit)


def _group(head: Head) -> tuple[str, ...]:
    """The columns of the group; a text of what was asked is none where something else names the group."""
    texts = [name for name in head.names if name in PROMPTS]
    others = [name for name in head.names if name in (*SAMPLED, *ASKED) and name not in texts]
    return guess_group(Head(tuple(name for name in head.names if name not in texts), head.numbers) if others else head)


def recorded_as(wish: PageRequest) -> str:
    """What is said of numbers that no utility gave."""
    return "advantages as recorded" if wish.credit == ADVANTAGE else "credits as recorded"


def page_of(rollouts: Rollouts, request: PageRequest) -> str:
    """The page of rows. Raises InputError as `page`."""
    wish = guessed(request, rollouts)
    asked, said = prompt_and_completion(rollouts, wish.prompt, wish.completion)
    utility: Any = wish.utility
    found = figures_of(rollouts, wish.by, utility, wish.credit, wish.advantage)
    segments = SEGMENTS if SEGMENTS in rollouts.columns else None
    sizes, blocks, deepest = [], [], []
    for size, block in text_blocks(rollouts, found, asked, said, segments):
        sizes.append(size)
        blocks.append(packed(block))
        deepest += [abs(each) for group in block for part in group[2] or () if part for each in part["credit"]]
    index = {
        **_rows(rollouts, found, wish),
        **_groups(rollouts, found, wish, asked),
        "blocks": sizes,
        "steps": {name: [each if each is None else rounded(each, 4) for each in line] for name, line in summary(found).items()},
        "stepped": found.step is not None,
        "shade": _deepest(deepest or np.abs(found.credit)),
        "segmented": segments is not None,
    }
    return _html(wish.title, _told(found, wish), packed(index), blocks)


def _deepest(sizes: Any) -> float | int:
    """The size of credit that has the deepest shade; 1 where all are 0."""
    return rounded(float(np.quantile(sizes, _DEEPEST, method="higher"))) or 1


def _rows(rollouts: Rollouts, found: Figures, wish: PageRequest) -> dict[str, Any]:
    """Columns of rows, in the order of the page."""
    order = np.concatenate(found.groups)
    columns = {"credit": found.credit, "reward": found.reward}
    return {
        **{name: None if column is None else numbers(column[order]) for name, column in columns.items()},
        "paid": {name: numbers(column[order]) for name, column in found.paid.items()},
        "advantage": {name: numbers(column[order]) for name, column in found.advantage.items()},
        "shown": {name: _short(rollouts, name, order) for name in _beside(rollouts, wish)},
    }


def _beside(rollouts: Rollouts, wish: PageRequest) -> list[str]:
    """The columns that the utility reads and nothing else shows, and those that are asked for."""
    read = wish.utility.columns if isinstance(wish.utility, Expression) else ()
    for name in wish.show:
        rollouts.named(name, (), "value", "")
    return list(dict.fromkeys([*(name for name in read if name not in (*REWARDS, wish.credit)), *wish.show]))


def _short(rollouts: Rollouts, name: str, rows: Any) -> list[str]:
    values = rollouts.listed(name)
    texts = (text_of_value(values[row]) for row in rows.tolist())
    return [text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…" for text in texts]


def _groups(rollouts: Rollouts, found: Figures, wish: PageRequest, asked: str | None) -> dict[str, Any]:
    """Columns of groups; a group has a name where columns name it that nothing else shows."""
    firsts = np.array([rows[0] for rows in found.groups])
    ids = [[f"{name} {text}" for text in _short(rollouts, name, firsts)] for name in wish.by if is_id(name) and name != asked]
    return {
        "sizes": [len(rows) for rows in found.groups],
        "value": numbers(found.value),
        "gap": None if found.gap is None else numbers(found.gap),
        "step": None if found.step is None else numbers(found.step),
        "names": [", ".join(each) for each in zip(*ids, strict=True)] if ids else None,
    }


def _told(found: Figures, wish: PageRequest) -> str:
    """What the page holds, in a line."""
    counts = [f"{len(found.credit):,} completions", f"{len(found.groups):,} groups"]
    if found.step is not None:
        counts.append(f"{len(np.unique(found.step)):,} steps")
    of = wish.utility if isinstance(wish.utility, Expression) else "of a function"
    worth = recorded_as(wish) if wish.utility is None else f"utility {of}"
    return " · ".join([*counts, worth])


def _html(title: str | None, told: str, index: str, blocks: list[str]) -> str:
    folder = resources.files("shapley_credit.report") / "page"
    template, style, script = (
        (folder / name).read_text(encoding="utf-8") for name in ("template.html.j2", "page.css", "page.js")
    )
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    name = "Shapley credit" if title is None else text_of(title, "the title of a page")
    return environment.from_string(template).render(
        title=printable(name),
        told=printable(told),
        version=__version__,
        style=Markup(style),
        script=Markup(script),
        style_hash=_hash(style),
        script_hash=_hash(script),
        index=index,
        blocks=blocks,
    )


def _hash(text: str) -> str:
    """What the security policy of the page calls a script or style that may run."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
