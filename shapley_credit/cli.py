"""The command line: says what to install where the report extra is absent."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; exit status 1 and one line on standard error for input that can't be right."""
    try:
        from shapley_credit.report.app import run
    except ImportError as error:
        sys.exit(f"The command line needs the report extra ({error}); run: pip install 'shapley-credit[report]'.")
    run()
