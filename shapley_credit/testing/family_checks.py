"""A family of one's own held to its definition."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from shapley_credit import semivalues
from shapley_credit.convert import to_host
from shapley_credit.errors import InputError
from shapley_credit.inputs.declared import value_of
from shapley_credit.inputs.fields import REAL_VALUED, Field
from shapley_credit.testing import oracle
from shapley_credit.testing.by_definition import game_of
from shapley_credit.testing.comparing import difference, relative
from shapley_credit.testing.game_text import games_text
from shapley_credit.testing.instances import Instance, fields_of, instance_of
from shapley_credit.testing.random_games import partitions
from shapley_credit.testing.searching import FaultError, called
from shapley_credit.utility import Utility
from shapley_credit.values import owen, set_semivalue, set_shapley

Array = NDArray[Any]
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Example(NamedTuple):
    """A utility under test, what it was made of if that is known, and how close its credits must be."""

    utility: Utility
    instance: Instance | None
    tolerance: float | None

    def told(self) -> str:
        """The utility as a call that makes it."""
        if not self.utility.fields:
            return f"\nof {self.utility!r}"
        given = {name: value for name in [*self.utility.fields, "mask"] if (value := vars(self.utility).get(name)) is not None}
        words = (f"{name}={value.tolist() if hasattr(value, 'tolist') else repr(value)}" for name, value in given.items())
        return f"\nof {type(self.utility).__name__}({', '.join(words)})"

    def one(self) -> Utility:
        """The first group."""
        return self.utility[(0,) * len(self.utility.shape)] if self.utility.shape else self.utility

    def asked(self, function: Callable[[], Any], name: str) -> Any:
        """What a call returns; a fault if it raises, in the words of the library where it refuses."""

        def refusing() -> Any:
            try:
                with warnings.catch_warnings():  # the mean of nothing is a warning before it is NaN
                    warnings.simplefilter("ignore", RuntimeWarning)
                    return function()
            except InputError as error:
                raise FaultError(f"{str(error).removesuffix('.')}{self.told()}") from error

        return called(refusing, name, self.told)

    def credit(self, utility: Utility) -> Array:
        """Shapley values on the host."""
        return to_host(self.asked(partial(set_shapley, utility), "set_shapley"), "credits")

    def table(self, one: Utility) -> Array:
        """All values of a group by its definition."""
        present = np.ones(one.k, np.bool_) if one.mask is None else one.mask
        sets = [np.flatnonzero(present & (code >> np.arange(one.k) & 1).astype(np.bool_)) for code in range(1 << one.k)]
        return np.array([self._value(one, members) for members in sets])

    def _value(self, one: Utility, members: Array) -> float:
        """v(S), of a sum the sum of its terms."""
        name = f"definition({members.tolist()})"
        return float(sum(float(c) * self.asked(partial(value_of, term, members), name) for c, term in one.terms()))

    def refuse(self, words: str, table: Array | None = None) -> str:
        return words + self.told() + ("" if table is None else f"\n{games_text({'v by definition': table})}")

    def scale(self, table: Array) -> float:
        """The largest value of the game, or the grid of the numbers that were drawn."""
        return max(float(np.abs(table).max()), 1 / 8) if self.instance is not None else float(np.abs(table).max()) or 1.0

    def compare(self, credit: Any, truth: Any, table: Array, words: str) -> str | None:
        """A fault if credits are not the truth, up to rounding of the values of the game."""
        found: Array = to_host(credit, "credits")
        wanted = np.array([float(share) for share in truth])
        if found.shape != wanted.shape:
            return self.refuse(f"{words}: they have shape {found.shape} and should have {wanted.shape}")
        allowed = relative(found.dtype, self.tolerance) * self.scale(table)
        fault = difference(found, wanted, allowed)
        return None if fault is None else self.refuse(f"{words}: {fault}", table)


def shapley_by_definition(example: Example, draw: Draw) -> str | None:
    """The credits of `set_shapley` are the averages over all orderings of the values by definition."""
    one = example.one()
    table = example.table(one)
    truth = oracle.semivalue(game_of(table), one.k, oracle.shapley_weights(one.k))
    return example.compare(example.credit(one), truth, table, _unlike(one, "credits"))


def _unlike(one: Utility, values: str) -> str:
    """What is wrong if values are not those of the definition; without reduce they are made of it, asked once more."""
    if all(term.by_table for _, term in one.terms()):
        return f"definition returns other values when it is asked again, so that the {values} are not those of it"
    return f"the {values} of reduce are not those of definition"


def dtype_of_the_data(example: Example, draw: Draw) -> str | None:
    """Credits of numbers in float32 are float32."""
    given = {} if example.instance is None else example.instance.data
    fields = example.utility.fields.items()
    real = [name for name, spec in fields if isinstance(spec, Field) and spec.domain in REAL_VALUED]
    wanted = max((given[name].dtype for name in real if given.get(name) is not None), default=None)
    found = example.credit(example.one()).dtype
    return None if wanted in (None, found) else example.refuse(f"the credits of {wanted} data are {found}")


def semivalues_by_definition(example: Example, draw: Draw) -> str | None:
    """Banzhaf values are those of the values by definition."""
    one = example.one()
    table = example.table(one)
    truth = oracle.semivalue(game_of(table), one.k, oracle.banzhaf_weights(one.k))
    credit = example.asked(lambda: set_semivalue(one, semivalues.banzhaf), "set_semivalue")
    return example.compare(credit, truth, table, _unlike(one, "Banzhaf values"))


def unions_by_definition(example: Example, draw: Draw) -> str | None:
    """Owen values are those of the values by definition."""
    one = example.one()
    unions = draw(partitions(one.k))
    table = example.table(one)
    credit = example.asked(lambda: owen(one, unions), f"owen for the unions {unions}")
    truth = oracle.owen(game_of(table), unions, one.k)
    return example.compare(credit, truth, table, f"the Owen values for the unions {unions} are not those of definition")


def groups_are_apart(example: Example, draw: Draw) -> str | None:
    """Each group of a batch is the utility of its data alone."""
    utility = example.utility
    credit = example.credit(utility)
    wanted = (*utility.shape, utility.k)
    if credit.shape != wanted:
        return example.refuse(f"the credits of groups {utility.shape} have shape {credit.shape} and should have {wanted}")
    for index in np.ndindex(utility.shape):
        alone = utility[index] if example.instance is None else example.instance.shaped(lambda array, _: array[index]).utility  # noqa: B023
        table = example.table(alone)
        truth = oracle.semivalue(game_of(table), alone.k, oracle.shapley_weights(alone.k))
        if fault := example.compare(
            credit[index], truth, table, f"the credits of group {index} are not those of its data alone"
        ):
            return fault
        if fault := _of_index(example, index, table):
            return fault
    return None


def _of_index(example: Example, index: tuple[int, ...], table: Array) -> str | None:
    found = example.table(example.utility[index])
    if (np.abs(found - table) > relative(np.dtype(np.float32)) * example.scale(table)).any():
        words = f"utility[{', '.join(map(str, index))}] has other values than its data alone; keep nothing but fields"
        return f"{words}{example.told()}\n{games_text({'utility[index]': found, 'alone': table})}"
    return None


def absent_move_nobody(example: Example, draw: Draw) -> str | None:
    """Values are those of the utility without its absent members, except on lines and where a set needs a certain member.

    Every mask of a drawn instance is tried, and the own mask of a utility.
    """
    specs = fields_of(type(example.utility))
    if example.utility.shape or any("line" in spec.axes or spec.domain == "membership" for spec in specs):
        return None
    instance = example.instance or instance_of(example.utility)
    if instance is None:
        return None
    masks: list[Any] = [instance.mask] if example.instance is None else list(product([False, True], repeat=instance.k))
    for mask in masks:
        if mask is not None and any(mask) and (fault := _moved_by_absent(example, instance.absent_as(np.array(mask)))):
            return fault
    return None


def _moved_by_absent(example: Example, instance: Instance) -> str | None:
    present = np.flatnonzero(instance.utility.present())
    smaller = instance.along_members([int(i) for i in present])
    masked = example._replace(utility=example.asked(lambda: instance.utility, "making it"))
    alone = example.asked(lambda: smaller.absent_as(None).utility, "making it of its present members")
    found, truth = masked.table(masked.utility), example.table(alone)
    codes = np.arange(len(truth))
    spread = found[sum(((codes >> place & 1) << int(i) for place, i in enumerate(present)), np.zeros_like(codes))]
    if (np.abs(spread - truth) > relative(np.dtype(np.float32)) * example.scale(truth)).any():
        words = "absent members change the values of sets of the others, members numbered among those who are present"
        return f"{words}{masked.told()}\n{games_text({'with absent': spread, 'without': truth})}"
    return None


def data_are_kept(example: Example, draw: Draw) -> str | None:
    """Values and credits are computed without a change of the data."""
    given = {} if example.instance is None else example.instance.data
    before = {name: np.copy(array) for name, array in given.items() if isinstance(array, np.ndarray)}
    example.table(example.one())
    example.credit(example.utility)
    for name, array in before.items():
        if not np.array_equal(array, given[name]):
            return example.refuse(f"the array {name}, which is the caller's, was written to")
    return None


Check = Callable[[Example, Draw], str | None]
OF_ONE_GROUP: tuple[Check, ...] = (
    data_are_kept,
    shapley_by_definition,
    dtype_of_the_data,
    semivalues_by_definition,
    unions_by_definition,
    absent_move_nobody,
)
