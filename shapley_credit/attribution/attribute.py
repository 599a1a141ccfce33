"""What each of a list of items contributes to the score of those that are kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from shapley_credit.attribution.attributed import Attribution, attributed
from shapley_credit.attribution.items import Items, read_items
from shapley_credit.attribution.step_plans import step_plans
from shapley_credit.blackbox.evaluate import aevaluate, evaluate
from shapley_credit.blackbox.method_table import METHODS, choose
from shapley_credit.blackbox.passed_on import passed_on
from shapley_credit.blackbox.plan import Plan, plan
from shapley_credit.blackbox.structure import Structure
from shapley_credit.coalitions import CoalitionTree
from shapley_credit.errors import InputError
from shapley_credit.inputs.answers import AsynchronousError, NotAwaitableError
from shapley_credit.semivalues import Semivalue
from shapley_credit.solve.callables import batched, counted

# The most sets that are scored without a budget: all those of 12 items.
UNASKED = 1 << 12

Item = TypeVar("Item")
Unions = Sequence[Any] | Mapping[Any, Any] | CoalitionTree
Trace = tuple[tuple[int, float], ...]
Asked = Callable[[Plan, Trace], Attribution]


def attribute(
    items: Sequence[Item],
    score: Callable[[list[Item]], Any] | batched,
    *,
    names: Sequence[str] | None = None,
    unions: Unions | None = None,
    levels: Sequence[Semivalue] | None = None,
    budget: int | None = None,
    method: str = "auto",
    seed: int = 0,
    cache: MutableMapping[Any, float] | None = None,
    **evaluation: Any,
) -> Attribution:
    """What each of a list of items contributes to score(kept): documents, sections of a prompt, tools, agents, examples.

        phi_i = E[score(P_i + i) - score(P_i)],      sum_i phi_i = score(all) - score([]),

    P_i the items that i finds when it arrives, in a random order of all; the items of a union arrive together (see `owen`).

    items: a list of k things. score: a function of the list of the items that are kept, in their order, which may be empty, or
        `batched(f)`, f a function of a list of such lists; it returns one number for each.
    names: [k] strings. By default a text is called by its beginning, all else by its number; names that repeat get numbers.
    unions: what belongs together: a label for each item, a mapping from items or names to labels, or from labels to lists of
        items or names, nested lists of numbers or names of items, or a `CoalitionTree`.
    budget: most distinct sets that are scored; None for exact credit of at most 4,096 sets, those of 12 items without unions.
        Retries come on top, so that only `retries=0` makes it a limit of the calls of one run.
    levels, method, seed: as for `plan`: one semivalue a level, Shapley's by default; how sets are chosen under a budget.
    cache: as for `evaluate`. Its keys are tuples of the items kept where all items are texts, bytes or tuples of them, so that
        equal texts are asked once; elsewhere of their names, which must then be given.
    evaluation: batch_size, executor, retries=2, backoff=1.0 (seconds), progress, as for `evaluate`.

    Returns an `Attribution`: values [k] in the units of the score, stderr, names, `unions`, `why(name)`, `explain()`,
    `extend(budget)`.
    Cost: 2^k calls without unions, those of `CoalitionTree.budget` with them, or the budget, and retries; then `Plan.solve`.
    Raises InputError for no items, other unions, more than 4,096 sets without a budget, and an asynchronous score (see
    `aattribute`); EvaluationError, which holds all answers, for sets without a finite score after all retries.
    Source: Shapley (1953); Owen (1977), Values of games with a priori unions.

    >>> import shapley_credit as sc
    >>> documents = ["Paris is the capital of France.", "France is in Europe.", "The capital of France is Paris."]
    >>> found = sc.attribute(documents, lambda kept: float("Paris" in " ".join(kept)), names=["a", "b", "c"])
    >>> dict(zip(found.names, found.values.tolist()))
    {'a': 0.5, 'b': 0.0, 'c': 0.5}
    """
    how = passed_on(evaluation, "attribute", evaluate, own=("request",))
    asked, whole = _asker(read_items(items, names, unions, cache), score, levels, budget, method, seed, cache, how)
    return asked(whole, ())


def attribute_progress(
    items: Sequence[Item],
    score: Callable[[list[Item]], Any] | batched,
    *,
    names: Sequence[str] | None = None,
    unions: Unions | None = None,
    levels: Sequence[Semivalue] | None = None,
    budget: int | None = None,
    method: str = "auto",
    seed: int = 0,
    cache: MutableMapping[Any, float] | None = None,
    **evaluation: Any,
) -> Iterator[Attribution]:
    """Better and better estimates of what `attribute` returns, which is the last of them; leave the loop when one is enough.

    All arguments, phi_i, cost and errors: as for `attribute`; wrong ones are refused before the first call of the score.

    Returns an iterator of `Attribution`. Its first step takes 8 k + 16 calls by default; each other one about twice as many in
    all, of which only the new ones are made. All steps together make the calls of `attribute`. An asynchronous score goes to
    `aattribute` instead, and on with `await found.aextend(budget)`.

    >>> import shapley_credit as sc
    >>> for found in sc.attribute_progress(list("abcdefgh"), lambda kept: float({"a", "b"} <= set(kept))):
    ...     print(found.evaluations, abs(found.values.round(3)).tolist()[:3])
    80 [0.5, 0.5, 0.0]
    160 [0.5, 0.5, 0.0]
    256 [0.5, 0.5, 0.0]
    """
    how = passed_on(evaluation, "attribute_progress", evaluate, own=("request",))
    asked, whole = _asker(read_items(items, names, unions, cache), score, levels, budget, method, seed, cache, how)
    return _steps(asked, whole)


async def aattribute(
    items: Sequence[Item],
    score: Callable[[list[Item]], Awaitable[Any]] | batched,
    *,
    names: Sequence[str] | None = None,
    unions: Unions | None = None,
    levels: Sequence[Semivalue] | None = None,
    budget: int | None = None,
    method: str = "auto",
    seed: int = 0,
    cache: MutableMapping[Any, float] | None = None,
    **evaluation: Any,
) -> Attribution:
    """As `attribute`, for an asynchronous score: the same bits; `await found.aextend(budget)` goes on.

    score: an async function of the list of the items that are kept, or `batched` of an async function of many lists.
    evaluation: as for `aevaluate`: retries=2, backoff=1.0 (seconds), and max_concurrency=32, the most calls that are awaited
        at a time.
    Others, phi_i, cost and errors: as for `attribute`.

    >>> import asyncio
    >>> import shapley_credit as sc
    >>> async def score(kept):
    ...     return float(len(kept) == 2)
    >>> asyncio.run(sc.aattribute(["ann", "bob"], score)).values
    array([0.5, 0.5])
    """
    import asyncio

    how = passed_on(evaluation, "aattribute", aevaluate, own=("request",))
    read = read_items(items, names, unions, cache)
    value, known = read.value(score), {} if cache is None else cache

    async def asked(wanted: Plan, before: Trace) -> Attribution:
        try:
            scores = await aevaluate(value, wanted, request=read.request, cache=known, **how)
        except NotAwaitableError:
            raise InputError(
                "the score is not asynchronous. Ask it, with the same arguments, with found = sc.attribute(items, score); or "
                "make it `async def`."
            ) from None
        found = await asyncio.to_thread(attributed, read, wanted, scores, before)
        return replace(found, _later=lambda more: asked(wanted.extend(more), found.trace))

    return await asked(_planned(read.tree, levels, budget, method, seed), ())


def _asker(
    read: Items,
    score: Any,
    levels: Sequence[Semivalue] | None,
    budget: int | None,
    method: str,
    seed: int,
    cache: MutableMapping[Any, float] | None,
    evaluation: Mapping[str, Any],
) -> tuple[Asked, Plan]:
    """What asks a plan and solves it, and the whole plan; all that is asked shares one cache."""
    value, known = read.value(score), {} if cache is None else cache

    def asked(wanted: Plan, before: Trace) -> Attribution:
        try:
            scores = evaluate(value, wanted, request=read.request, cache=known, **evaluation)
        except AsynchronousError:
            raise InputError(
                "the score is asynchronous. Ask it, with the same arguments, with found = await sc.aattribute(items, score). "
                "Under a budget, found = await found.aextend(100) then goes on step by step, with 100 sets more each time."
            ) from None
        found = attributed(read, wanted, scores, before)
        return replace(found, _more=lambda more: asked(wanted.extend(more), found.trace))

    return asked, _planned(read.tree, levels, budget, method, seed)


def _planned(tree: CoalitionTree, levels: Sequence[Semivalue] | None, budget: int | None, method: str, seed: int) -> Plan:
    """The sets to score. Raises InputError for more than a caller without a budget may want to pay for."""
    needed = int(tree.budget()) if tree.labels.ndim == 2 else 0  # a plan refuses trees of groups
    if budget is None and needed > UNASKED:
        raise InputError(
            f"exact credit of {tree.k} items takes {counted(needed)} calls of the score, and without a budget at most "
            f"{UNASKED:,} are made. Give budget=, the most calls, for an estimate with standard errors, "
            f"{_for_a_start(Structure(tree, levels))} for a start; or put the items into unions=."
        )
    return plan(tree, budget=budget, method=method, levels=levels, seed=seed)


def _for_a_start(structure: Structure) -> int:
    """Ten calls an item, or what the method needs that `auto` takes for so many."""
    ten = 10 * int(structure.k)
    return max(ten, METHODS[choose(structure, ten)[0]].minimum(structure))


def _steps(asked: Asked, whole: Plan) -> Iterator[Attribution]:
    trace: Trace = ()
    for wanted in step_plans(whole):
        yield (found := asked(wanted, trace))
        trace = found.trace
