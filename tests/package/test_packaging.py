"""What is installed, and what is public."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import inspect
import json
import pkgutil
import re
from pathlib import Path

import pytest
import shapley_credit
from shapley_credit import utilities
from shapley_credit.testing.instances import FAMILIES

DISTRIBUTION = importlib.metadata.distribution("shapley-credit")


def is_editable() -> bool:
    origin = DISTRIBUTION.read_text("direct_url.json")
    return bool(origin and json.loads(origin).get("dir_info", {}).get("editable"))


def top_level() -> set[str]:
    """First path components that our distribution owns, its metadata and the hooks of an editable install apart."""
    files = DISTRIBUTION.files
    assert files is not None
    tops = {file.parts[0] for file in files if ".." not in file.parts}
    return {
        top for top in tops if not top.endswith((".dist-info", ".pth")) and not top.startswith(("_editable", "__pycache__"))
    }


def test_the_installed_packages_are_exactly_two() -> None:
    assert top_level() == (set() if is_editable() else {"shapley_credit", "shapley_kernels"})
    for package in ("shapley_credit", "shapley_kernels"):
        spec = importlib.util.find_spec(package)
        assert spec is not None
        assert spec.submodule_search_locations
        assert (Path(spec.submodule_search_locations[0]) / "py.typed").exists()


def test_kernels_is_nobodys_import_name_here() -> None:
    assert "shapley-credit" not in importlib.metadata.packages_distributions().get("kernels", [])
    assert importlib.util.find_spec("kernels") is None


def test_public_surface() -> None:
    assert shapley_credit.__all__ == [
        "Attribution",
        "Cache",
        "CoalitionTree",
        "Estimate",
        "EvaluationError",
        "Explanation",
        "InputError",
        "MissingExtraError",
        "Utility",
        "aattribute",
        "advantages",
        "aestimate",
        "aevaluate",
        "attribute",
        "attribute_progress",
        "batched",
        "connected_shapley",
        "estimate",
        "evaluate",
        "explain",
        "interactions",
        "jax_callback",
        "marginal_vector",
        "owen",
        "plan",
        "plots",
        "scatter_credit",
        "semivalues",
        "set_semivalue",
        "set_shapley",
        "solve_plans",
        "token_advantages",
        "turn_advantages",
        "utilities",
        "with_credit",
    ]
    assert shapley_credit.__version__ == DISTRIBUTION.version
    assert all(hasattr(shapley_credit, name) for name in shapley_credit.__all__)  # some are imported when first used
    tools = {"Any", "TYPE_CHECKING", "annotations", "import_module"}
    public = {name for name in vars(shapley_credit) if not name.startswith("_")} - tools
    modules = {module.name for module in pkgutil.iter_modules(shapley_credit.__path__)}
    assert public - modules == set(shapley_credit.__all__) - modules


def test_every_utility_is_exported() -> None:
    assert sorted(utilities.__all__) == sorted(family.__name__ for family in FAMILIES)
    assert all(getattr(utilities, family.__name__) is family for family in FAMILIES)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_a_utility_declares_what_it_takes(family: type[shapley_credit.Utility]) -> None:
    arguments = dict(inspect.signature(family).parameters)
    assert arguments.pop("mask").kind is inspect.Parameter.KEYWORD_ONLY
    assert list(arguments) == list(family.fields)


PINNED = ("cpu", "report", "text", "test", "test-core", "lint", "bench", "peers")


@pytest.mark.checkout
def test_constraints_pin_every_extra() -> None:
    root = Path(__file__).parents[2]
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in (root / "constraints.txt").read_text().split()}
    needed = set()
    for requirement in DISTRIBUTION.requires or []:
        name, _, marker = requirement.partition(";")
        if not marker or any(f"'{extra}'" in marker for extra in PINNED):
            needed.add(re.split(r"[\[<>=~! ]", name)[0].lower())
    assert {"numpy", "numba", "torch", "mypy"} <= needed
    assert needed - {"shapley-credit"} <= pinned
