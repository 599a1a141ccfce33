"""Credit of JAX arrays: as they are, and inside functions that JAX traces, maps, differentiates and compiles."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import shapley_credit as sc
from shapley_credit import semivalues
from shapley_credit import utilities as u

ROWS = np.random.default_rng(0).normal(size=(5, 4))
HERE = np.array([[True, True, False, True]] * 4 + [[True] * 4])


@pytest.fixture(params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Any:
    with jax.enable_x64(request.param == "float64"):
        yield request.param


# As they are: every verb gives JAX arrays, with the bits of NumPy.

VERBS: dict[str, Callable[[Any, Any], Any]] = {
    "set_shapley": lambda x, m: sc.set_shapley(u.Max(x) + 0.5 * u.Mean(x)),
    "mask": lambda x, m: sc.set_shapley(u.Max(x, mask=m)),
    "mask of the host": lambda x, m: sc.set_shapley(u.Max(x, mask=np.asarray(m))),
    "labels": lambda x, m: sc.set_shapley(u.Max(x) + u.DistinctCount(x.round().astype(int))),
    "set_semivalue": lambda x, m: sc.set_semivalue(u.Max(x), semivalues.banzhaf),
    "owen": lambda x, m: sc.owen(u.Max(x, mask=m), [[0, 3], [1, 2]]),
    "connected_shapley": lambda x, m: sc.connected_shapley(u.Max(x)),
    "marginal_vector": lambda x, m: sc.marginal_vector(u.Max(x), order=[2, 0, 3, 1]),
    "table": lambda x, m: sc.set_shapley(x, 2),
    "groups": lambda x, m: sc.set_shapley(u.Max(x[:, 0]), groups=[7, 7, 8, 8, 8]),
    "advantages": lambda x, m: sc.advantages(x[0], m[0].astype(int), baseline="leave_one_out"),
    "token_advantages": lambda x, m: sc.token_advantages(x[:, 0], m, groups=5),
    "scatter_credit": lambda x, m: sc.scatter_credit(x, m | True),
    "turn_advantages": lambda x, m: sc.turn_advantages(x, m | True, [0, 0, 1, 1, 1]),
    "value": lambda x, m: u.Max(x).value((0, 2)),
}


@pytest.mark.parametrize("name", VERBS)
def test_arrays_of_jax_give_arrays_of_jax(name: str, dtype: str) -> None:
    rows = ROWS.astype(dtype)
    found, wanted = VERBS[name](jnp.asarray(rows), jnp.asarray(HERE)), VERBS[name](rows, HERE)
    assert isinstance(found, jax.Array)
    assert found.dtype == (wanted.dtype if dtype == "float64" else np.float32)
    assert np.array_equal(np.asarray(found), wanted.astype(found.dtype))


def test_floats_of_16_bits_give_32(dtype: str) -> None:
    for narrow in (jnp.bfloat16, jnp.float16):
        scores = jnp.array([8.0, 11.0, 13.0, 18.0], narrow)
        for credit in (sc.set_shapley(u.Max(scores)), sc.jax_callback(u.Max)(scores)):
            assert credit.dtype == np.float32
            assert credit.tolist() == [2.0, 3.0, 4.0, 9.0]


# Traced arrays have no values.

# Each hands a function four numbers.
TRANSFORMS: dict[str, Callable[[Any, Any], Any]] = {
    "jit": lambda f, rows: jax.jit(f)(rows[0]),
    "vmap": lambda f, rows: jax.vmap(f)(rows),
    "grad": lambda f, rows: jax.grad(lambda x: f(x).sum())(rows[0]),
    "jvp": lambda f, rows: jax.jvp(f, (rows[0],), (rows[1],)),
    "jit of vmap": lambda f, rows: jax.jit(jax.vmap(f))(rows),
}
ENTRANCES: dict[str, Callable[[Any], Any]] = {
    "Max": u.Max,
    "list": lambda x: u.Max(list(x)),
    "lists": lambda x: u.Max([[x.sum(), 1.0]]),
    "mask": lambda x: u.Max(np.ones(4), mask=x),
    "base": lambda x: u.Max(np.ones(2), x.sum()),
    "labels": u.DistinctCount,
    "label": lambda x: u.DistinctCount([x.sum(), 1]),
    "coefficient": lambda x: x.sum() * u.Max(np.ones(2)),
    "table": lambda x: sc.set_shapley(x, 2),
    "groups": lambda x: sc.advantages(np.ones(4), x),
    "credit": lambda x: sc.advantages(x, 1),
    "mask of tokens": lambda x: sc.token_advantages([1.0], x),
    "segments": lambda x: sc.scatter_credit([x], np.ones((1, 4))),
    "turns": lambda x: sc.turn_advantages(x[:, None], np.ones((4, 1)), 4),
    "order": lambda x: sc.marginal_vector(u.Max(np.ones(4)), order=x),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ENTRANCES)
def test_traced_arrays_are_refused_with_the_way_out(name: str, transform: str) -> None:
    with pytest.raises(sc.InputError, match=r"JAX traces .* Replace sc\.set_shapley\(.*by sc\.jax_callback\(utility_fn\)"):
        TRANSFORMS[transform](lambda x: ENTRANCES[name](x) and x, jnp.asarray(ROWS))


def test_a_deleted_array_is_not_called_traced() -> None:
    scores = jnp.ones(3)
    scores.delete()
    with pytest.raises(sc.InputError, match=r"can't be read as a dense array: (?!JAX)"):
        u.Max(scores)


# The way out.

CREDITS: dict[str, tuple[Callable[..., Any], Any]] = {
    "max": (u.Max, semivalues.shapley),
    "sum": (lambda x: 0.7 * u.Max(x) + u.Mean(x), semivalues.shapley),
    "banzhaf": (u.NoisyOr, semivalues.banzhaf),
    "weights": (u.Max, [0.25, 0.0, 0.25, 0.0]),
    "function": (lambda x: u.Max(np.asarray(x) ** 2, base=-1.0), semivalues.leave_one_out),
}


@pytest.mark.parametrize("name", CREDITS)
def test_credit_inside_equals_credit_outside(name: str, dtype: str) -> None:
    utility_fn, semivalue = CREDITS[name]
    rows = np.abs(ROWS).astype(dtype) / 8
    wanted, credit = sc.set_semivalue(utility_fn(rows), semivalue), sc.jax_callback(utility_fn, semivalue=semivalue)
    x = jnp.asarray(rows)
    calls = (credit, jax.jit(credit), jax.vmap(credit), jax.jit(jax.vmap(credit)), lambda x: jnp.stack([*map(credit, x)]))
    for call in calls:
        found = call(x)
        assert isinstance(found, jax.Array)
        assert found.dtype == dtype
        assert np.array_equal(np.asarray(found), wanted)
    twice = jax.vmap(jax.vmap(credit))(jnp.stack([x, x / 2.0]))
    assert np.array_equal(twice[1], sc.set_semivalue(utility_fn(np.asarray(x / 2.0)), semivalue))


def test_a_batch_is_one_call() -> None:
    shapes = []

    def utility_fn(scores: Any) -> sc.Utility:
        shapes.append(scores.shape)
        return u.Max(scores)

    batch = jnp.asarray(np.random.default_rng(0).normal(size=(2, 7, 3)), jnp.float32)
    found = jax.jit(jax.vmap(jax.vmap(sc.jax_callback(utility_fn))))(batch)
    assert np.array_equal(found, sc.set_shapley(u.Max(np.asarray(batch))))
    assert shapes == [(14, 3)]
    assert jax.vmap(sc.jax_callback(utility_fn))(jnp.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("size", range(1, 8))
def test_leading_axes_are_never_mixed_up(size: int) -> None:
    """A batch of as many entries as there are groups, or members, aligns with neither."""
    scores = np.random.default_rng(size).normal(size=(size, 3, 4)).astype(np.float32)
    bases = np.arange(3 * size, dtype=np.float32).reshape(size, 3) / 8
    present = scores > -1
    present[..., 0] = True

    def best(scores: Any, present: Any, base: Any) -> sc.Utility:
        return u.Max(scores, base, mask=present)

    credit = sc.jax_callback(best)
    for call in (jax.vmap(credit), credit):
        assert np.array_equal(call(scores, present, bases), sc.set_shapley(best(scores, present, bases)))
    shared = jax.vmap(credit, (0, None, None))(scores, present[0], bases[0])
    assert np.array_equal(shared, sc.set_shapley(best(scores, present[0], bases[0])))
    if size > 1:  # fewer leading axes than the scores have: the first is the batch, not the group
        with pytest.raises(jax.errors.JaxRuntimeError, match=r"InputError: (the leading axes do not|utility_fn made credits)"):
            jax.vmap(credit)(scores, present, bases[:, 0]).block_until_ready()


def test_a_jitted_step_of_training() -> None:
    """sum_i phi_i log pi_i has the gradient phi_i, though phi was worked out from what is differentiated."""
    credit = sc.jax_callback(u.Max)

    def loss(logits: Any, scores: Any) -> Any:
        return -(credit(scores + 0.0 * logits) * jax.nn.log_softmax(logits)).sum()

    def step(logits: Any, scores: Any) -> Any:
        value, slope = jax.value_and_grad(loss)(logits, scores)
        return logits - 0.01 * slope, value

    scores = jnp.array([8.0, 11.0, 13.0, 18.0])
    logits, first = jax.jit(step)(jnp.zeros(4), scores)
    share = np.array([2.0, 3.0, 4.0, 9.0])
    assert np.allclose(logits, 0.01 * (share - share.sum() / 4), atol=1e-6)
    assert jax.jit(step)(logits, scores)[1] < first


@pytest.mark.parametrize("derive", [jax.grad, lambda f: lambda x: jax.jvp(f, (x,), (x,))[1]], ids=["grad", "jvp"])
def test_credits_are_constants(derive: Any) -> None:
    total = derive(lambda x: (sc.jax_callback(u.Max)(x) ** 2).sum())
    assert not np.asarray(jax.jit(total)(jnp.arange(1.0, 4.0))).any()


def test_the_shape_of_credits(dtype: str) -> None:
    elements = np.random.default_rng(0).random((6, 4, 9)) < 0.3
    credit = sc.jax_callback(lambda sets: u.Coverage(sets), shape=lambda sets: sets.shape[:-1])
    for call in (credit, jax.jit(jax.vmap(credit))):
        found = call(jnp.asarray(elements))
        assert found.dtype == dtype  # no floats at all: as wide as JAX is
        assert np.array_equal(found, sc.set_shapley(u.Coverage(elements)).astype(dtype))
    table = sc.jax_callback(lambda values: values, shape=lambda values: (2,))
    assert jax.jit(table)(jnp.array([0.0, 1.0, 2.0, 5.0])).tolist() == [2.0, 3.0]


def test_what_goes_wrong_is_said() -> None:
    credit = sc.jax_callback(u.Max)
    with pytest.raises(sc.InputError, match=r"credits are of shape \[\.\.\., k\] with k >= 1; got \(\)"):
        jax.jit(credit)(1.0)
    with pytest.raises(sc.InputError, match=r"got \(2, 0\)"):
        credit(jnp.zeros((2, 0)))
    with pytest.raises(jax.errors.JaxRuntimeError, match="InputError: scores must be finite; found nan"):
        jax.jit(credit)(jnp.array([1.0, jnp.nan])).block_until_ready()
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"credits of shape \(2,\) of arrays of shapes \[\(2, 2\)\]"):
        sc.jax_callback(lambda x: u.Max(x[0]))(jnp.ones((2, 2)))
    held = jnp.ones(3)
    with pytest.raises(jax.errors.JaxRuntimeError, match=r"holds an array of jax.*make the array an argument"):
        jax.jit(sc.jax_callback(lambda x: u.Max(x) + u.Max(held)))(jnp.ones(3)).block_until_ready()


def test_large_arrays_do_not_wait_for_themselves() -> None:
    """The callback reads its arrays, which the worker that runs it may still have to copy."""
    credit = sc.jax_callback(u.Max)
    found = jax.jit(lambda x: credit(jnp.tanh(x) @ jnp.ones((4, 4))).sum())(jnp.ones((200_000, 4)))
    assert float(found) == pytest.approx(200_000 * 4 * np.tanh(1.0), rel=1e-4)


def test_the_example_of_the_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "arrays.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\nimport jax\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    printed: dict[str, Any] = {"jax": jax}
    exec(compile(block, "docs/arrays.md", "exec"), printed)
    assert np.allclose(printed["share"], 1.5 / 4)
    scores, here = jnp.asarray(ROWS, jnp.float32), jnp.asarray(HERE)
    value, slope = printed["step"](jnp.zeros((5, 4)), scores, here)
    paid = printed["credit"](scores, here)
    assert np.allclose(value, np.log(4.0) * paid.sum(), atol=1e-5)
    assert np.allclose(slope, paid.sum(-1, keepdims=True) / 4 - paid, atol=1e-5)
