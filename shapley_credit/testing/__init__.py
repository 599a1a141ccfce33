"""A kit for tests of rules of credit and of families of utilities: random games, values by definition, axioms."""

from shapley_credit.errors import MissingExtraError, install

try:
    from shapley_credit.testing.by_definition import brute_force
    from shapley_credit.testing.checked_families import check_utility
    from shapley_credit.testing.checked_rules import check_axioms
    from shapley_credit.testing.comparing import assert_credit
    from shapley_credit.testing.instances import utilities
    from shapley_credit.testing.random_games import Game, games, masks, scores, trees
except ModuleNotFoundError as error:
    if error.name != "hypothesis":
        raise
    raise MissingExtraError(f"shapley_credit.testing needs hypothesis; {install('testing')}") from error

__all__ = [
    "Game",
    "assert_credit",
    "brute_force",
    "check_axioms",
    "check_utility",
    "games",
    "masks",
    "scores",
    "trees",
    "utilities",
]
