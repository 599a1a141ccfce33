"""Rounds of the fuzzer: cases of one family after the other until time is up; what fails is shrunk, once for its kind."""

from __future__ import annotations

import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import hypothesis
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import FlakyFailure, HypothesisException
from shapley_credit import Utility
from shapley_credit.testing.instances import FAMILIES

from fuzzing.cases import Case
from fuzzing.draws import cases
from fuzzing.verdict import Fault, judge

# Cases of a round, and the longest time that a failing one is shrunk: of a new kind, and of one that another game had.
EXAMPLES = 20
SHRINKING_S, AGAIN_S = 20.0, 4.0


@dataclass(frozen=True)
class Finding:
    """The smallest case that fails in one way."""

    family: str
    value: str
    kind: str
    message: str
    text: str

    @property
    def key(self) -> tuple[str, str, str]:
        return self.family, self.value, self.kind


@dataclass
class Tally:
    """How many cases were judged, by what they are and by how they ended."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    findings: dict[tuple[str, str, str], Finding] = field(default_factory=dict)

    def add(self, case: Case, outcome: str) -> None:
        self.counts["outcome", outcome] += 1
        self.counts["all", "cases"] += 1
        for name, label in case.labels.items():
            self.counts[name, label] += 1

    def merge(self, other: Tally) -> None:
        self.counts += other.counts
        for key, finding in other.findings.items():
            self.findings.setdefault(key, finding)


@dataclass
class Round:
    """Cases of a family and a role; the first new way to fail is what it goes on to look for."""

    tally: Tally
    deadline: float
    hunted: tuple[str, str, str] | None = None
    until: float = 0.0
    smallest: Finding | None = None

    def look_at(self, case: Case) -> None:
        """Judge a case. Raises Fault for what is hunted, until it has been shrunk for long enough."""
        now = time.monotonic()
        if now > (self.deadline if self.hunted is None else self.until):
            return
        try:
            outcome = _judged(case)
        except Fault as fault:
            self.tally.add(case, "failed")
            found = Finding(case.labels["family"], case.labels["value"], fault.kind, str(fault), case.text())
            self.keep(found, now)
            if found.key == self.hunted:
                raise
        else:
            self.tally.add(case, outcome)

    def keep(self, found: Finding, now: float) -> None:
        if self.hunted is None and found.key not in self.tally.findings:
            known = any(found.kind == kind for _, _, kind in self.tally.findings)
            self.hunted, self.until = found.key, now + (AGAIN_S if known else SHRINKING_S)
        if found.key == self.hunted and (self.smallest is None or len(found.text) <= len(self.smallest.text)):
            self.smallest = found


def _judged(case: Case) -> str:
    try:
        return judge(case)
    except Fault:
        raise
    except Exception as error:  # of a relative of the case, or of the fuzzer
        where = traceback.extract_tb(error.__traceback__)[-1]
        raise Fault(f"{type(error).__name__} afterwards in {where.name}", f"{error}") from error


def hunt(
    seed: int, minutes: float, families: Sequence[type[Utility]] = FAMILIES, report: Callable[[Finding], Any] = print
) -> Tally:
    """Rounds over families and roles, in a random order, until the minutes are over."""
    tally, deadline = Tally(), time.monotonic() + 60 * minutes
    for number, (family, role) in enumerate(_targets(seed, families)):
        if time.monotonic() > deadline:
            return tally
        found = one_round(tally, family, role, seed * 1_000_003 + number, deadline)
        if found is not None:
            tally.findings[found.key] = found
            report(found)
    return tally


def _targets(seed: int, families: Sequence[type[Utility]]) -> Iterator[tuple[type[Utility], str]]:
    rng = np.random.default_rng(seed)
    for _ in count():
        both = [(family, role) for family in families for role in ("ref", "cpu")]
        for place in rng.permutation(len(both)):
            yield both[place]


def one_round(tally: Tally, family: type[Utility], role: str, seed: int, deadline: float) -> Finding | None:
    """What is found among a few cases, shrunk."""
    looking = Round(tally, deadline)

    @hypothesis.seed(seed)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases(family, role))
    def look(case: Case) -> None:
        looking.look_at(case)

    try:
        look()
    except (Fault, FlakyFailure):
        pass
    except HypothesisException as error:
        raise RuntimeError(f"no case of {family.__name__} can be drawn") from error
    return looking.smallest
