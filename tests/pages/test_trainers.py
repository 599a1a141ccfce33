"""The pages of the trainers: their programs are the files of docs/examples, and their Python compiles."""

from __future__ import annotations

import ast
import importlib.util
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from shapley_credit.credit import segments
from shapley_credit.credit.completions import segment_completions
from shapley_credit.credit.rules import segment_advantages

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted((DOCS / "trainers").glob("*.md"))
TRAINERS = ["skyrl", "slime", "tinker", "trl", "tunix", "verl"]

pytestmark = pytest.mark.checkout


@pytest.fixture(scope="module")
def embed() -> ModuleType:
    spec = importlib.util.spec_from_file_location("embed", DOCS / "embed.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_programs_are_the_files_of_examples(embed: ModuleType) -> None:
    assert embed.main(["--check"]) == 0, "a page of docs/trainers is stale; run: python docs/embed.py"


def test_every_file_of_examples_is_on_the_page_of_its_trainer_once(embed: ModuleType) -> None:
    assert [path.stem for path in PAGES] == sorted([*TRAINERS, "others"])
    for trainer in TRAINERS:
        shown = re.findall(embed.BLOCK, text_of(DOCS / "trainers" / f"{trainer}.md"))
        assert sorted(shown) == sorted(path.name for path in (DOCS / "examples").glob(f"{trainer}_*.py"))
    assert all(path.stem.split("_")[0] in TRAINERS for path in (DOCS / "examples").glob("*.py"))


@pytest.mark.parametrize(
    "program", ["skyrl_owen_sentences", "slime_owen_sentences", "tinker_credit", "trl_owen_sentences", "verl_owen_sentences"]
)
def test_white_space_goes_with_the_sentence_before_it(program: str) -> None:
    """A line break of its own would be paid for keeping the words on its two sides apart."""
    (pattern,) = re.findall(r'SENTENCES = segments\.matching\(r"(.+)"\)\n', text_of(DOCS / "examples" / f"{program}.py"))
    text = "The sky.\n\nIt is blue! Yes:\n- one\n- two\n\n\n3. Last ?"
    parts = segments.segment(text, segments.paragraphs, segments.matching(pattern))
    pieces = [piece for _, piece in parts.pieces]
    assert len(pieces) == len(parts) == len(parts.spans) > 5  # no glue, and every segment stands in one place
    assert all(not piece[0].isspace() for piece in pieces)


def test_leave_one_out_credit_on_the_page_is_that_of_its_rewards() -> None:
    """What is missing to the reward is shared evenly, which `segment_advantages` does with rewards=."""
    (block,) = re.findall(
        r"```python\n(import numpy as np\n+def without_one.*?)```", text_of(DOCS / "trainers" / "trl.md"), re.DOTALL
    )
    texts = ["a b. b c. d.", "a b. a b."]
    names: dict[str, Any] = {
        "score": lambda text: float(len(set(text.replace(".", "").split()))),
        "tokenizer": lambda: SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join(map(chr, ids))),
        "segments": segments,
        "segment_completions": segment_completions,
        "SENTENCES": segments.matching(r"[^.]+[.]\s*"),
    }
    exec(block, names)
    rewards = [names["score"](text) for text in texts]
    credit, lengths = names["without_one"]([[*map(ord, text)] for text in texts], [[1] * len(text) for text in texts], rewards)
    assert [row.tolist() for row in lengths] == [[5, 5, 2], [5, 4]]
    lost = [[1.0, 1.0, 1.0], [0.0, 0.0]]
    paid = segment_advantages(credit, 2, scale="none")
    expected = segment_advantages(lost, 2, rewards=rewards, scale="none")
    assert np.concatenate(paid) == pytest.approx(np.concatenate(expected))


def test_a_stale_page_is_told_and_written(
    embed: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(embed, "DOCS", tmp_path)
    for folder in ("examples", "trainers"):
        (tmp_path / folder).mkdir()
    (tmp_path / "examples" / "one.py").write_text('"""One \\d."""\n', encoding="utf-8")
    page = tmp_path / "trainers" / "trl.md"
    kept = "```python\nkept\n```\n"
    page.write_text(f"It is [one.py](../examples/one.py):\n\n```python\nold\n\nlines\n```\n\n{kept}", encoding="utf-8")
    assert embed.main(["--check"]) == 1
    assert "trl.md: stale" in capsys.readouterr().out
    assert embed.main([]) == 0
    assert embed.main(["--check"]) == 0
    assert text_of(page).endswith(f'```python\n"""One \\d."""\n```\n\n{kept}')


@pytest.mark.parametrize("page", [*PAGES, DOCS / "turns.md"], ids=lambda page: page.stem)
def test_python_of_a_page_is_python(page: Path) -> None:
    """tests/frameworks runs the programs. Without the frameworks they compile, and what they import of ours is there."""
    blocks = re.findall(r"```python\n((?!>>>).*?)```", text_of(page), re.DOTALL)
    assert blocks
    for block in blocks:
        compile(block, page.name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        for module, names in re.findall(r"^from (shapley_credit[\w.]*) import (.+)$", block, re.MULTILINE):
            for name in (each.split(" as ")[0] for each in names.split(", ")):
                assert hasattr(import_module(module), name) or import_module(f"{module}.{name}")


def test_the_table_of_trainers_names_the_adapters_that_exist() -> None:
    """A name such as `trl.group_reward` is one of shapley_credit.adapters.trl."""
    table = text_of(DOCS / "frameworks.md").split("## Framework by capability")[1].split("\n## ")[0]
    names = re.findall(r"`(trl|verl|skyrl|slime|tinker|tunix|nemo_rl|prime_rl|areal)\.(\w+)`", table)
    assert len(names) > 15
    for module, name in names:
        assert hasattr(import_module(f"shapley_credit.adapters.{module}"), name), f"{module}.{name}"
