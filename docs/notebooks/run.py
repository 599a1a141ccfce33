"""Runs every notebook beside this file and keeps what it shows for the site: `make notebooks`.

The outputs go to the cache that docs/conf.py names. The site shows them from there, and runs only notebooks whose code has
changed since.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from jupyter_cache.readers import nbf_reader

HERE = Path(__file__).parent
CACHE = HERE.parent / "_build" / "notebooks"

# What one cell may take, on a machine that does other work too.
SECONDS = 300


def main() -> int:
    """How many notebooks fail; each of them with its traceback."""
    cache, failed = get_cache(CACHE), 0
    for path in sorted(HERE.glob("*.ipynb")):
        notebook = nbf_reader(path)
        done = single_nb_execution(notebook, cwd=str(HERE), timeout=SECONDS, allow_errors=False)
        if done.err is None:
            shown = CacheBundleIn(notebook, str(path), data={"execution_seconds": done.time})
            cache.cache_notebook_bundle(shown, check_validity=False, overwrite=True)
            print(f"{path.name}: {done.time:.1f} s")
        else:
            failed += 1
            print(f"{path.name}: failed\n{done.exc_string}", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
