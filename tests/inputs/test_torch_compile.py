"""Credit inside functions that torch compiles: the bits it has outside of them, and nothing of the library in a graph."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import shapley_credit as sc
from shapley_credit import utilities as u
from shapley_credit.methods import gapo, shape_grpo
from shapley_credit.testing.instances import FAMILIES

pytestmark = pytest.mark.torch

Credit = Callable[[Any], Any]


class Graphs:
    """A backend that runs graphs as they are and keeps the names of what is in them."""

    def __init__(self) -> None:
        self.operations: list[str] = []

    def __call__(self, graph: Any, examples: Any) -> Any:
        self.operations += [node.name.rstrip("_0123456789") for node in graph.graph.nodes if node.op.startswith("call")]
        return graph.forward


def compiled(function: Credit, *given: Any, **options: Any) -> tuple[Any, list[str]]:
    """What the compiled function returns, and the operations in its graphs."""
    import torch

    torch._dynamo.reset()
    graphs = Graphs()
    return torch.compile(function, backend=graphs, **options)(*given), graphs.operations


def around(credit: Credit) -> Credit:
    """An operation of torch before the credit, and one behind it."""

    def function(scores: Any) -> Any:
        return credit(scores.sigmoid()).cumsum(-1)

    return function


TREE = [[0, 2], [1, 3]]
CREDITS: dict[str, Credit] = {
    "set_shapley": lambda scores: sc.set_shapley(u.Max(scores)),
    "of a sum": lambda scores: sc.set_shapley(u.Max(scores) - scores[0, 0].item() * u.Mean(scores) / 2),
    "of a table": lambda scores: sc.set_shapley(scores, 2),
    "of one group": lambda scores: sc.set_shapley(u.Min(scores)[1], 4),
    "of a constructor": lambda scores: sc.set_shapley(u.DCG.rbp(scores, 0.8)),
    "set_semivalue": lambda scores: sc.set_semivalue(u.NoisyOr(scores), sc.semivalues.banzhaf),
    "owen": lambda scores: sc.owen(u.Product(scores), TREE),
    "connected_shapley": lambda scores: sc.connected_shapley(u.TopM(scores, 2)),
    "marginal_vector": lambda scores: sc.marginal_vector(u.LogSum(scores), order=[2, 0, 3, 1]),
    "value": lambda scores: u.Range(scores).value([0, 2]),
    "advantages": lambda scores: sc.advantages(scores.reshape(-1), 4, scale="group_std"),
    "scatter_credit": lambda scores: sc.scatter_credit(scores, scores > 0),
    "token_advantages": lambda scores: sc.token_advantages(scores.sum(1), scores > 0.5, groups=["p", "q", "p"]),
    "published_credit": shape_grpo.published_credit,
    "shape_grpo": lambda scores: shape_grpo.shape_grpo(
        scores, scores > 0, candidates=[range(4)] * 3, lengths=[[1] * 4] * 3, groups=3
    ),
    "shape_credit": lambda scores: shape_grpo.shape_credit(scores, present=scores > 0.2, scale="mean"),
    "diversity_utility": lambda scores: (
        scores * gapo.diversity_utility((3 * scores)[0].long(), valid=scores[0] > 0.2).value([0, 2])
    ),
    "gapo": lambda scores: gapo.gapo((3 * scores).long(), scores.new_ones(12, 2)),
    "diversity_credit": lambda scores: gapo.diversity_credit((3 * scores).long()),
    "frequency_reward": lambda scores: gapo.frequency_reward((3 * scores).long(), 3),
}


@pytest.mark.parametrize("name", CREDITS)
def test_credit_between_graphs_has_the_bits_it_has_outside(name: str) -> None:
    import torch

    scores = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))
    function = around(CREDITS[name])
    found, operations = compiled(function, scores)
    assert torch.equal(found, function(scores))
    assert found.dtype == function(scores).dtype
    # What the lambdas above do themselves, and nothing that the library does.
    assert {"sigmoid", "cumsum"} <= set(operations)
    assert set(operations) <= {"sigmoid", "cumsum", "gt", "mul", "long", "sum", "reshape", "new_ones", "getitem", "item"}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
def test_whatever_makes_a_utility_is_between_graphs(family: Any) -> None:
    makers = [getattr(family, name) for name, member in vars(family).items() if isinstance(member, classmethod)]
    for maker in [family.__init__, *makers]:
        assert maker._torchdynamo_disable


FIRST_OF_ALL = """
import shapley_credit as sc
from shapley_credit import utilities as u
import torch

FAMILIES = [u.Max, u.Min, u.Mean, u.Range, u.NoisyOr, u.Product, u.LogSumExp, u.LogMeanExp, u.Additive]

@torch.compile(backend="eager")
def together(scores):
    return sum(sc.set_shapley(family(scores), scores.shape[-1]) for family in FAMILIES)

for size in range(3, 6):
    scores = torch.rand(size, size)
    assert torch.equal(together(scores), sum(sc.set_shapley(family(scores)) for family in FAMILIES))
for dtype in (torch.float64, torch.bfloat16, torch.int64):
    together(scores.to(dtype))
print("done")
"""


def test_the_first_call_of_a_process_is_in_a_compiled_function() -> None:
    """With torch imported behind this library; torch has nothing to warn of, in families, sizes and dtypes of any number."""
    done = subprocess.run([sys.executable, "-W", "error", "-c", FIRST_OF_ALL], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_a_graph_of_everything_is_refused_with_a_way_out() -> None:
    import torch

    for credit in (CREDITS["set_shapley"], CREDITS["advantages"]):
        with pytest.raises(torch._dynamo.exc.Unsupported, match=r"for fullgraph=True make it an operator: docs/arrays\.md"):
            compiled(around(credit), torch.randn(3, 4), fullgraph=True)


def test_errors_come_out_as_they_are() -> None:
    import torch

    with pytest.raises(sc.InputError, match="scores must be finite"):
        compiled(around(lambda scores: sc.set_shapley(u.Max(scores / 0))), torch.randn(3, 4))


def test_credit_is_a_constant_of_the_policy_gradient() -> None:
    """sum_i phi_i log pi_i has the gradient phi_i, though phi was worked out from what needs a gradient."""
    import torch

    def loss(logits: Any) -> Any:
        credit = sc.set_shapley(u.Max(logits))
        assert not credit.requires_grad
        return (sc.advantages(credit, 4, baseline="none") * logits).sum()

    scores = torch.tensor([8.0, 11.0, 13.0, 18.0])
    for run in (loss, partial(torch.compile(loss, backend="aot_eager"))):
        logits = scores.clone().requires_grad_()
        run(logits).backward()
        assert logits.grad is not None
        assert logits.grad.tolist() == [2.0, 3.0, 4.0, 9.0]
