"""Pages of real answers, and how large they are, how fast they open, filter and scroll: python -m benchmarks.page

Answers of models to GSM8K are resampled to completions of about 500 tokens, groups of 8, 20 steps. A page is opened three times
by Chromium without a screen, whose trace says how long tasks on its main thread are; figures are medians of three. --demo
OUT.html writes the page of the answers as they are.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
from benchmarks.machine import ROOT, facts
from shapley_credit import report

ANSWERS = ROOT / "benchmarks" / "data" / "gsm8k_model_solutions.jsonl.gz"
# Characters of 500 tokens, at four characters a token.
CHARACTERS, GROUP, STEPS = 2000, 8, 20
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What a page must keep, at 10,000 rollouts. A task is counted by the time that it had the processor: other work makes it wait.
MOST = {"size ratio": 1.3, "open, s": 2.0, "longest task of a filter, ms": 100.0, "longest task of scrolling, ms": 100.0}

SCROLL = """async () => {
  const end = document.documentElement.scrollHeight;
  for (let i = 1; i <= 60; i++) {
    scrollTo(0, i < 40 ? i * 450 : (end * i) / 60);
    await new Promise((next) => requestAnimationFrame(next));
  }
  await new Promise((done) => setTimeout(done, 1000));
}"""


def answers() -> Iterator[dict[str, Any]]:
    """Answers of models to GSM8K, one row each."""
    with gzip.open(ANSWERS, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            problem = json.loads(line)
            question, truth = problem.pop("question"), problem.pop("ground_truth").rpartition("A:")[2].strip()
            for model, given in problem.items():
                answer = given["solution"].rpartition("A:")[2].strip() or None
                row = {
                    "problem_id": number,
                    "question": question,
                    "model": model,
                    "solution": given["solution"],
                    "answer": answer,
                }
                yield row | {"target": truth, "reward": float(given["is_correct"])}


def demo(problems: int = 200) -> str:
    """The page of the first problems."""
    rows = [row for row in answers() if row["problem_id"] <= problems]
    return report.page(
        pa.Table.from_pylist(rows),
        by="problem_id",
        utility="0.5 * Max(reward) + 0.5 * Plurality(answer, target, ties='shared')",
        advantage="mean/group_std",
        show=["model"],
        title="GSM8K: four models, a vote and the best of four",
    )


def resampled(rows: int, pieces: int) -> pa.Table:
    """Rollouts of about 2,000 characters put together from real answers; each has so many segments, cut at white space."""
    rng = np.random.default_rng(0)
    texts = [row["solution"] for row in answers()]
    made = []
    for number in range(rows):
        text = ""
        while len(text) < CHARACTERS:
            text += texts[rng.integers(len(texts))] + "\n"
        row: dict[str, Any] = {"step": number * STEPS // rows + 1, "prompt_id": number // GROUP, "completion": text}
        made.append(row | {"prompt": texts[number // GROUP % len(texts)], "reward": float(rng.normal())})
        if pieces:
            row = made[-1]
            places = np.unique(np.linspace(0, len(text), pieces + 1).astype(int)).tolist()
            credits = rng.normal(size=len(places) - 1).tolist()
            ends = zip(places[:-1], places[1:], credits, strict=True)
            row["segments"] = [{"start": start, "end": end, "credit": credit} for start, end, credit in ends]
    return pa.Table.from_pylist(made)


def longest_task(browser: Any, page: Any, act: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds of the processor, and of the clock, of the longest tasks on the main thread while something is done."""
    browser.start_tracing(page=page, categories=["toplevel"])
    act()
    page.wait_for_timeout(300)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    names = [event for event in events if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"]
    main_threads = {(event["pid"], event["tid"]) for event in names}
    tasks = [event for event in events if (event["pid"], event["tid"]) in main_threads and "RunTask" in event["name"]]
    processor, clock = (max((event.get(key, 0) for event in tasks), default=0) / 1000 for key in ("tdur", "dur"))
    return processor, clock


def measured(path: Path) -> dict[str, float]:
    """Seconds until the first groups are filled and until filters have answered, and the longest tasks."""
    from playwright.sync_api import sync_playwright

    found: dict[str, float] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(180_000)

        def keep(name: str, act: Callable[[], Any]) -> None:
            for key, took in zip((f"{name}, ms", f"{name}, ms of the clock"), longest_task(browser, page, act), strict=True):
                found[key] = max(took, found.get(key, 0.0))

        def load() -> None:
            start = time.perf_counter()
            page.goto(path.as_uri())
            page.wait_for_selector("article:not([aria-busy])")
            found["open, s"] = time.perf_counter() - start
            page.wait_for_selector("body[data-ready]")

        def choose(name: str, value: str) -> None:
            before = page.evaluate("document.body.dataset.ready")
            start = time.perf_counter()
            page.fill(name, value)
            page.wait_for_function("before => document.body.dataset.ready !== before", arg=before)
            found[f"filter by {name[1:]}, s"] = time.perf_counter() - start

        keep("longest task of opening", load)
        keep("longest task of scrolling", lambda: page.evaluate(SCROLL))
        for name, value in {"#text": "dollars", "#below": "-0.2", "#above": "0.5", "#step": "7"}.items():
            keep("longest task of a filter", partial(choose, name, value))
        browser.close()
    return found


def figures(rows: int, pieces: int, folder: Path) -> dict[str, float]:
    """All figures of one page."""
    table = resampled(rows, pieces)
    raw = sum(len(text.encode()) for name in ("prompt", "completion") for text in table.column(name).to_pylist())
    start = time.perf_counter()
    text = report.page(table, by=["step", "prompt_id"], utility="Max(reward)", advantage="mean/group_std")
    took = time.perf_counter() - start
    path = folder / "page.html"
    path.write_text(text, encoding="utf-8")
    size = path.stat().st_size
    runs = [measured(path) for _ in range(3)]
    middle = {name: median(run[name] for run in runs) for name in runs[0]}
    return {"texts, MB": raw / 1e6, "page, MB": size / 1e6, "size ratio": size / raw, "written in, s": took, **middle}


def main() -> None:
    """Print the figures; with the default sizes, fail where one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--pieces", type=int, nargs="*", default=[0, 40, 500], help="segments of each rollout")
    parser.add_argument("--demo", type=Path, help="write the page of GSM8K here, and measure nothing")
    asked = parser.parse_args()
    if asked.demo:
        asked.demo.write_text(demo(), encoding="utf-8")
        return
    print(json.dumps(facts(["playwright", "jinja2"]), indent=1))
    above = []
    for pieces in asked.pieces:
        with tempfile.TemporaryDirectory() as folder:
            found = figures(asked.rows, pieces, Path(folder))
        print(f"{asked.rows:,} rollouts, {pieces} segments each")
        for name, value in found.items():
            print(f"  {name:48} {value:10,.2f}")
            if asked.rows <= 10_000 and value > MOST.get(name, value):
                above.append(f"{name} {value:.2f} at {pieces} segments, at most {MOST[name]}")
    if above:
        raise SystemExit("; ".join(above))


if __name__ == "__main__":
    main()
