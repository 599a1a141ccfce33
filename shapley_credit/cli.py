"""The command line, which says what to install if the report extra is absent."""

from __future__ import annotations

import sys

from shapley_credit.errors import install


def main() -> None:
    """Run the command line. Input that can't be right ends it with one line on standard error and exit status 1."""
    try:
        from shapley_credit.report.app import run
    except ImportError as error:
        sys.exit(f"The command line needs the report extra ({error}); {install('report')}")
    run()
