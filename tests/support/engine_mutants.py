"""Wrong versions of the engine of coalition trees."""

from __future__ import annotations

from typing import NamedTuple

# The modules of the engine, each after those that it imports.
ENGINE = (
    "shapley_kernels.arrays",
    "shapley_kernels.trees.shapes",
    "shapley_kernels.trees.or_and_flow",
    "shapley_kernels.trees.by_coalitions",
    "shapley_kernels.trees.games_by_class",
    "shapley_kernels.trees.reduction",
)
ARRAYS, SHAPES, FLOW, COALITIONS, CLASSES, REDUCTION = ENGINE


class Mutant(NamedTuple):
    """One replacement in the source of a module of the engine."""

    what: str
    module: str
    right: str
    wrong: str


MUTANTS = [
    Mutant("trees lose their last level", SHAPES, "depth == len(labels)", "depth >= len(labels) - 1"),
    Mutant("a shape forgets whose places it has", SHAPES, "return shape, np.array(order)", "return shape, np.sort(order)"),
    Mutant("a shape has one rule for all levels", SHAPES, "Shape(len(order), node.depth,", "Shape(len(order), 0,"),
    Mutant("OR games split like AND games", FLOW, "np.arange(len(q))[::-1])])", "np.arange(len(q)))])"),
    Mutant("AND games split like OR games", FLOW, "np.arange(len(q)))])", "np.arange(len(q))[::-1])])"),
    Mutant("shares: one child too many", FLOW, "/ (c - 1 - j)", "/ (c - j)"),
    Mutant("flow: the rule of the unions on every level", FLOW, "shares(mixes[shape.depth]", "shares(mixes[0]"),
    Mutant(
        "flow: members are counted, not children",
        FLOW,
        "xp.count_nonzero(touched, axis=0)",
        "np.minimum(sets.sum(axis=0), len(touched))",
    ),
    Mutant("flow: to children that a set does not touch", FLOW, "xp.where(touched, unit", "xp.where(touched | True, unit"),
    Mutant(
        "flow: alike children get each other's unit",
        FLOW,
        "units[place : place + count, :]",
        "units[place : place + count, :][::-1]",
    ),
    Mutant(
        "flow: alike children are interleaved",
        FLOW,
        "xp.permute_dims(xp.reshape(inner, part.shape), (1, 0, 2))",
        "xp.reshape(inner, part.shape)",
    ),
    Mutant(
        "coalitions: wrong siblings",
        COALITIONS,
        "for block in blocks[:place] + blocks[place + 1 :]:",
        "for block in blocks[1:]:",
    ),
    Mutant("coalitions: sizes for coalitions", COALITIONS, "float(comb(others, s))", "float(comb(others, 0))"),
    Mutant(
        "coalitions: a partial child stands alone",
        COALITIONS,
        "codes[:, None] | union[None, :]",
        "codes[:, None] & 0 | union[None, :]",
    ),
    Mutant(
        "coalitions: the chance of the levels above is lost",
        COALITIONS,
        "chances[:, None] * xp.take",
        "chances[:, None] ** 0 * xp.take",
    ),
    Mutant(
        "classes: their first member is left out",
        CLASSES,
        "return np.nonzero(first)[0], same[first]",
        "return np.nonzero(first)[0], (same & ~first[:, None])[first]",
    ),
    Mutant(
        "reduction: the rule of the unions on every level",
        REDUCTION,
        "mixes[shape.depth](len(shape.children))\n    chance",
        "mixes[0](len(shape.children))\n    chance",
    ),
    Mutant("reduction: every rule is taken for binomial", REDUCTION, "<= slack).all()", "<= slack).any()"),
    Mutant("reduction: the chance to be absent", REDUCTION, "return chance if", "return 1 - chance if"),
    Mutant("members get the credit of others", ARRAYS, "np.argsort(order), array)", "order, array)"),
    Mutant(
        "reduction: own siblings for the others'",
        REDUCTION,
        "one.beside(two), two.beside(one)",
        "one.beside(two), one.beside(two)",
    ),
    Mutant(
        "reduction: halves swapped",
        REDUCTION,
        "joined([both[:, :games], both[:, games:]])",
        "joined([both[:, games:], both[:, :games]])",
    ),
    Mutant("reduction: a sibling of the other half is missed", REDUCTION, "for child in gone:", "for child in gone[1:]:"),
    Mutant("reduction: the same sibling over and over", REDUCTION, "at += child.size", "at += 0"),
    Mutant("reduction: wrong weight of the present", REDUCTION, "((s + 1) / open_)", "(s / open_)"),
    Mutant("reduction: wrong weight of the absent", REDUCTION, "((open_ - s) / open_)", "((open_ - s) / (open_ + 1))"),
    Mutant(
        "reduction: present taken for absent",
        REDUCTION,
        "away * (1 - chance) + here * chance",
        "away * chance + here * (1 - chance)",
    ),
    Mutant(
        "reduction: one state too far",
        REDUCTION,
        "states._replace(values=states.values[1:, ...])",
        "states._replace(values=states.values[:-1, ...])",
    ),
    Mutant("reduction: tables too short by one", REDUCTION, "1 + int((totals * self.strides)", "int((totals * self.strides)"),
    Mutant(
        "reduction: falls are forgotten",
        REDUCTION,
        "lower.at(block.falls, length)",
        "lower.values[..., :length]",
    ),
    Mutant("reduction: gains raise the slope", REDUCTION, "beside(LEVEL, here)", "beside(LEVEL[::-1], here)"),
    Mutant("reduction: one gain a block", REDUCTION, "reduce(add, _rows(block.gains))", "block.gains[0]"),
    Mutant("reduction: one factor a block", REDUCTION, "reduce(mul, _rows(block.inside))", "block.inside[0]"),
    Mutant(
        "reduction: what is outside does not count",
        REDUCTION,
        "reduce(mul, _rows(block.outside))",
        "reduce(mul, _rows(block.outside * 0 + 1))",
    ),
    Mutant(
        "earned: what a member leaves is lost",
        REDUCTION,
        "credit = credit + one.delta * away",
        "credit = one.delta * away",
    ),
    Mutant("earned: the own gain is lost", REDUCTION, "here[0, :] + one.gains * here[1, :]", "here[0, :]"),
    Mutant("boxed: digits of the wrong count", REDUCTION, "place += digits * old[:, None]", "place += digits * new[:, None]"),
    Mutant("gather: every game reads the first one's table", REDUCTION, "if rows > 1:", "if rows < 1:"),
]


# What is done differently on a device.
ON_DEVICE = [
    Mutant("every member stands for its class", CLASSES, "same & first[:, :, None]", "same"),
    Mutant(
        "all games have the table of the first group",
        CLASSES,
        "namespace(array).repeat(array, len(group) // max(array.shape[0], 1), axis=0)",
        "array[group * 0]",
    ),
    Mutant(
        "games of one group are another's",
        CLASSES,
        "(groups, len(group) // max(groups, 1), shares.shape[1])), axis=1",
        "(len(group) // max(groups, 1), groups, shares.shape[1])), axis=0",
    ),
    Mutant("members count one each", REDUCTION, "members * self.largest", "members"),
    Mutant("bounds of counts too small", REDUCTION, "np.minimum(totals, ends)", "np.minimum(totals, ends) - 1"),
    Mutant("all games at the places of the first", REDUCTION, "if index.shape[0] == 1:", "if index.shape[0] >= 1:"),
    Mutant("places beyond the end", REDUCTION, "index = at_most(places, length - 1)", "index = at_most(places, length - 2)"),
]
