"""`python -m shapley_credit`."""

from shapley_credit.cli import main

main()
