"""Credit inside functions that JAX traces: one operation, which calls the host back with the values of its arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shapley_credit import semivalues
from shapley_credit.convert import computing_dtype
from shapley_credit.errors import InputError, MissingExtraError
from shapley_credit.semivalues import Semivalue
from shapley_credit.values import set_semivalue

Array = NDArray[Any]
Shape = tuple[int, ...]


def jax_callback(
    utility_fn: Callable[..., Any], *, semivalue: Semivalue = semivalues.shapley, shape: Callable[..., Shape] | None = None
) -> Callable[..., Any]:
    """A function of JAX arrays that returns credits, also inside `jax.jit`, `jax.vmap` and `jax.grad`.

        credit(scores) = phi(v),      v = utility_fn(scores)

    utility_fn: from NumPy arrays to what `set_semivalue` takes. Whatever JAX computes is an argument of it, as it must hold no
        JAX array itself. Leading axes are groups: under `jax.vmap` it is called once, with the batch as the first axis of every
        array.
    semivalue: Shapley by default, as for `set_semivalue`.
    shape: a function from the same arrays to the shape [..., k] of the credits; by default that of the first array.

    Returns a function from arrays to credits [..., k], in the units of v: float32 if all floats have at most 32 bits, or if JAX
        has its 64 bits disabled, and float64 otherwise. Credits are constants: their gradient is 0, as it is behind
        `jax.lax.stop_gradient`.
    Cost: that of the utility, and a copy of the arrays from their device and of the credits back, once a call or batch.
    Raises InputError for a call without arrays and for a shape without members; MissingExtraError without JAX. The errors of
        `utility_fn` and its utility reach the caller inside a `jax.errors.JaxRuntimeError`, whose message ends with theirs.
    Source: the operation is `jax.pure_callback`, by `vmap_method="broadcast_all"`.

    With JAX, `sc.jax_callback(u.Max)(jnp.array([8.0, 11.0, 13.0, 18.0]))` is [2., 3., 4., 9.], under `jax.jit` too.

    >>> import shapley_credit as sc
    >>> from shapley_credit import utilities as u
    >>> credit = sc.jax_callback(lambda scores, present: u.Max(scores, mask=present))
    >>> credit()
    Traceback (most recent call last):
    shapley_credit.errors.InputError: credit needs the arrays of its utility, at least one; got none.
    """
    if not callable(utility_fn):
        raise InputError(f"utility_fn must be a function from arrays to a utility; got {utility_fn!r}.")
    rule = semivalues.read_semivalue(semivalue)

    def credit(*arrays: Any) -> Any:
        if not arrays:
            raise InputError("credit needs the arrays of its utility, at least one; got none.")
        jax = _jax()
        given = [jax.lax.stop_gradient(_widened(jax.numpy.asarray(array), jax)) for array in arrays]
        wanted = given[0].shape if shape is None else tuple(shape(*given))
        if not wanted or not wanted[-1]:
            raise InputError(f"credits are of shape [..., k] with k >= 1; got {wanted}. Give the array of it first, or shape=.")
        result = jax.ShapeDtypeStruct(wanted, _dtype([np.dtype(each.dtype) for each in given], jax.config.jax_enable_x64))
        ranks = [each.ndim for each in given]

        def on_host(*batches: Any) -> Array:
            values = [np.asarray(batch) for batch in batches]
            lead = values[0].shape[: values[0].ndim - ranks[0]]
            if not lead:
                return _credits(utility_fn, rule, values, wanted).astype(result.dtype)
            rows = [each.reshape(prod(lead), *each.shape[len(lead) :]) for each in values]
            return _batch_credits(utility_fn, rule, rows, wanted).reshape(*lead, *wanted).astype(result.dtype)

        return jax.pure_callback(on_host, result, *given, vmap_method="broadcast_all")

    return credit


def _jax() -> Any:
    try:
        import jax
    except ImportError as error:
        raise MissingExtraError("sc.jax_callback needs JAX, which is not installed; run: pip install jax.") from error
    return jax


def _widened(array: Any, jax: Any) -> Any:
    """The array, in float32 for floats of 16 bits, some of which NumPy lacks."""
    narrow = jax.numpy.issubdtype(array.dtype, jax.numpy.floating) and array.dtype.itemsize < 4
    return array.astype("float32") if narrow else array


def _dtype(given: Sequence[np.dtype[Any]], wide: bool) -> np.dtype[Any]:
    floats = [computing_dtype(each) for each in given if each.kind == "f"]
    return max(floats, default=np.dtype(np.float64)) if wide else np.dtype(np.float32)


def _batch_credits(utility_fn: Callable[..., Any], rule: Semivalue, rows: Sequence[Array], wanted: Shape) -> Array:
    """Credits [B, *wanted] of B calls at once, from arrays with a first axis of B."""
    count = len(rows[0])
    # Arrays with unequal numbers of leading axes would align this axis with another one of its length: none has its length.
    others = {length for each in rows for length in each.shape[1:]}
    size = next(size for size in range(count, count + len(others) + 1) if size not in others)
    if size > count > 1:
        rows = [np.concatenate([each, np.repeat(each[-1:], size - count, axis=0)]) for each in rows]
    return _credits(utility_fn, rule, rows, (len(rows[0]), *wanted))[:count]


def _credits(utility_fn: Callable[..., Any], rule: Semivalue, arrays: Sequence[Array], wanted: Shape) -> Array:
    """Credits of the shape that was announced, which is all that JAX knows of them."""
    found = set_semivalue(utility_fn(*arrays), rule, wanted[-1])
    if not isinstance(found, np.ndarray):
        raise InputError(
            f"utility_fn holds an array of {type(found).__module__.partition('.')[0]}, and is called where that library runs; "
            "make the array an argument."
        )
    if found.shape != wanted:
        raise InputError(
            f"utility_fn made credits of shape {found.shape} of arrays of shapes {[each.shape for each in arrays]}, where "
            f"{wanted} was announced. It must treat leading axes as groups, all arrays need the same leading axes (see "
            "jnp.broadcast_to), and shape= says the shape of credits that is not that of the first array."
        )
    return found
