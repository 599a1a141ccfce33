"""The tasks of the learning experiments: what they pay, what they draw, what they measure."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import shapley_credit as sc
import torch
from numpy.testing import assert_allclose, assert_array_equal

pytestmark = [pytest.mark.torch, pytest.mark.checkout]

sys.path.append(str(Path(__file__).parents[2]))  # where the experiments are; behind everything that is installed
from benchmarks.learning import listing, objectives, recommend  # noqa: E402
from benchmarks.learning.policy import Writer, gradient  # noqa: E402
from benchmarks.learning.train import (  # noqa: E402
    CLIP,
    CLIPPED,
    DIVERGENCE,
    KL,
    UPDATES,
    Again,
    Step,
    gradient_noise,
    normalised,
    once,
    train,
)

sys.path.pop()


def test_words_are_drawn_as_the_policy_says() -> None:
    torch.manual_seed(0)
    policy = Writer(5, 3)
    torch.nn.init.normal_(policy.next.weight, std=0.5)
    text = policy.write(torch.full((20_000, 1), 2), 2, torch.Generator().manual_seed(1))
    assert_array_equal(text, policy.write(torch.full((20_000, 1), 2), 2, torch.Generator().manual_seed(1)))
    pairs = torch.stack([first.ravel() for first in torch.meshgrid(*[torch.arange(5)] * 2, indexing="ij")], dim=1)
    with torch.no_grad():
        chance = policy.log_chances(torch.cat([torch.full((25, 1), 2), pairs], dim=1), 2).sum(dim=1).exp().numpy()
    found = np.bincount(5 * text[:, 1] + text[:, 2], minlength=25) / len(text)
    assert_allclose(chance.sum(), 1, rtol=1e-5)
    assert np.all(np.abs(found - chance) < 5 * np.sqrt(chance / len(text)))


def test_normalised_shared_rewards_are_z_scores() -> None:
    reward = np.random.default_rng(0).random((3, 8))
    got = normalised(torch.as_tensor(reward)[..., None].expand(3, 8, 5)).numpy()
    wanted = sc.advantages(reward.ravel(), 8, scale="group_std").reshape(3, 8, 1)
    assert_allclose(got, np.broadcast_to(wanted, got.shape), rtol=1e-3)


def test_rules_of_recommendation_pay_what_they_say() -> None:
    worth = torch.as_tensor([[0.5, 0.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0]], dtype=torch.float64)
    paid = {name: rule(worth) for name, rule in recommend.RULES.items()}
    assert_allclose(paid["Shapley"][0], [1 / 6, 0, 5 / 12, 5 / 12], atol=1e-12)
    for name, total in {"Shapley": 1, "winner takes all": 1, "MaxRL": 0, "shared": 4, "own": 2.5, "leave one out": 0}.items():
        assert_allclose(paid[name].sum(dim=1), [total, 0], atol=1e-12)
    assert_array_equal(paid["winner takes all"][0], [0, 0, 1, 0])


def test_divergence_in_bits() -> None:
    sizes = listing.SIZES
    even = listing.valid() / sizes[:, None]
    assert_allclose(listing.divergence(even), 0, atol=1e-12)
    first = np.zeros_like(even)
    first[np.arange(len(first)), listing.valid().argmax(axis=1)] = 1.0
    share = (1 + 1 / sizes) / 2
    wanted = (-np.log2(share) + (np.log2(1 / (sizes * share)) + (sizes - 1)) / sizes) / 2
    assert_allclose(listing.divergence(first), wanted)


def test_the_picker_starts_from_its_favourites() -> None:
    assert_allclose(listing.prior().sum(axis=1), 1)
    assert_allclose((listing.prior() * listing.valid()).sum(axis=1), 0.95)
    torch.manual_seed(0)
    figures = listing.Listing("GRPO", 0).evaluate()
    assert abs(figures["validity"] - 0.95) < 0.02
    assert abs(figures[listing.METRIC] - listing.divergence(listing.prior()).mean()) < 0.02


def test_published_frequency_reward_knows_each_list() -> None:
    answers = np.repeat(listing.valid().argmax(axis=1)[:, None], 3, axis=1)
    good = np.array([[True, True, False]] * len(answers))
    assert_allclose(listing.published(answers, good)[:, :2], (1 / listing.SIZES)[:, None] * np.ones(2))
    assert_array_equal(listing.published(answers, good)[:, 2], -1)


def test_chance_that_guesses_hold_the_answer() -> None:
    torch.manual_seed(0)
    task = objectives.Guess("Shapley", 0)
    torch.nn.init.zeros_(task.policy.next.weight)
    with torch.no_grad():
        task.policy.next.bias[: objectives.PROMPTS] = -1e9  # even among the answers
    figures = task.evaluate()
    for m in (1, 2, objectives.K):
        assert_allclose(figures[f"V{m}"], 1 - (1 - 1 / objectives.ANSWERS) ** m, rtol=1e-6)


def test_runs_repeat_to_the_bit() -> None:
    def run() -> dict[str, object]:
        torch.manual_seed(3)
        return train(listing.Listing("Shapley of entropy", 3), 10, 1e-2)

    assert run() == run()


@pytest.mark.parametrize("amplitude", [0.0, 3.0])
def test_noise_and_signal_of_a_known_gradient(amplitude: float) -> None:
    class Alternating:
        """Batches whose gradients are (1 + amplitude) g and (1 - amplitude) g by turns."""

        def __init__(self) -> None:
            torch.manual_seed(0)
            self.policy, self.sign = Writer(5, 2), 1.0

        def step(self) -> Step:
            self.sign = -self.sign
            text = torch.tensor([[0, 1], [2, 3]])
            return Step(text, torch.tensor([[1.0], [-0.5]]) * (1 + amplitude * self.sign), {})

        def evaluate(self) -> dict[str, float]:
            return {}

    task = Alternating()
    whole = gradient(task.policy, torch.tensor([[0, 1], [2, 3]]), torch.tensor([[1.0], [-0.5]])).double()
    size, found = float(whole @ whole), gradient_noise(task, batches=20)
    variance = amplitude**2 * 20 / 19 * size
    assert_allclose(found["variance"], variance, rtol=1e-5, atol=1e-6 * size)
    assert_allclose(found["signal"], size - variance / 20, rtol=1e-5)


def chain(advantages: list[list[float]]) -> tuple[Writer, torch.optim.Optimizer, Step]:
    """A policy, plain gradient steps on it, and a batch of two texts of two words."""
    torch.manual_seed(0)
    policy = Writer(5, 3)
    torch.nn.init.normal_(policy.next.weight, std=0.5)
    text = torch.tensor([[0, 1, 2], [2, 3, 4]])
    return policy, torch.optim.SGD(policy.parameters(), lr=0.05), Step(text, torch.tensor(advantages), {})


def test_one_update_inside_the_clip_is_the_policy_gradient() -> None:
    found = []
    for update in (once, lambda policy, *rest: Again(policy, updates=1, kl=0.5)(policy, *rest)):
        policy, optimizer, step = chain([[1.0, -0.5], [0.25, 0.0]])
        update(policy, optimizer, step)
        found.append(torch.cat([each.detach().ravel() for each in policy.parameters()]))
    assert_allclose(found[1], found[0], atol=1e-6)  # the divergence is 0 at first, and so is its gradient


def test_the_clip_stops_words_that_moved_as_they_are_paid() -> None:
    policy, optimizer, step = chain([[5.0, 0.0], [-5.0, 0.0]])
    before = policy.log_chances(step.text, 2).detach()
    told = [Again(policy, updates=updates, kl=0.0)(*chain([[5.0, 0.0], [-5.0, 0.0]])) for updates in (1, 2)]
    assert [each[CLIPPED] for each in told] == [0.0, 0.5]
    Again(policy, updates=3, kl=0.0)(policy, optimizer, step)
    twice, optimizer, step = chain([[5.0, 0.0], [-5.0, 0.0]])
    Again(twice, updates=2, kl=0.0)(twice, optimizer, step)
    ratio = (policy.log_chances(step.text, 2) - before).exp()
    assert ratio[0, 0] > 1 + CLIP
    assert ratio[1, 0] < 1 - CLIP
    assert_array_equal(policy.next.weight.detach(), twice.next.weight.detach())  # nothing is left to move


def test_the_divergence_is_that_from_the_first_policy() -> None:
    policy, optimizer, step = chain([[0.0, 0.0], [0.0, 0.0]])
    again = Again(policy, updates=1, kl=1.0)
    assert again(policy, optimizer, step)[DIVERGENCE] == 0.0
    with torch.no_grad():
        policy.next.weight += 0.1 * torch.randn_like(policy.next.weight)
    words = policy.write(torch.zeros(50_000, 1, dtype=torch.int64), 2, torch.Generator().manual_seed(1))
    with torch.no_grad():
        first, now = (torch.log_softmax(each(words[:, :-1]), dim=-1) for each in (again.first, policy))
    optimizer.param_groups[0]["lr"] = 1e-4  # a step that is small beside the curvature
    far = again(policy, optimizer, Step(words, torch.zeros(len(words), 2), {}))[DIVERGENCE]
    assert far > 0.005
    exact = float((now.exp() * (now - first)).sum(dim=-1).sum(dim=1).mean())
    assert_allclose(far, exact, rtol=0.02)
    nearer = again(policy, optimizer, Step(words, torch.zeros(len(words), 2), {}))[DIVERGENCE]
    assert nearer < far  # of the same words, after the update before


def test_the_page_says_how_batches_are_used_again() -> None:
    page = " ".join((Path(__file__).parents[2] / "benchmarks" / "learning" / "page.md").read_text(encoding="utf-8").split())
    assert f"take {['no', 'one', 'two', 'three', 'four'][UPDATES]} updates a batch" in page
    assert f"clip of the ratio at {CLIP:g} at every word and a penalty of {KL:g} times the KL" in page
