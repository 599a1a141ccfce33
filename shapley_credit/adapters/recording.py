"""Rollouts of a training run on disk, a file a step, which `shapley-credit page` shows and `shapley-credit credit` reads."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from shapley_credit.convert import to_host
from shapley_credit.credit.completions import Decoder, token_offsets
from shapley_credit.errors import InputError, install
from shapley_credit.inputs.checks import whole_number

Columns = Mapping[str, Sequence[Any]]
Span = dict[str, Any]

TABLE = "credit/rollouts"


class Recorder:
    """Writes the rollouts of a training run to `folder/step-N.parquet`, and as a table to a running wandb or Trackio.

    Adapters call it: `trl.group_reward(.., record=Recorder())`, `trl.token_credit(.., record=..)`, `verl_recording.record(..)`,
    `skyrl_recording.recording(..)`. A process of several writes `step-N-rank-R.parquet` of its own rows. What a step writes
    twice, as an evaluation of several batches does, is `step-N-part-1.parquet`; evaluations go to the folder `eval` in it. A
    file appears when it is whole.

    folder: made if it is not there. every: record each step that it divides. tables: also log a table, "credit/rollouts", to
        the wandb or Trackio run of this process, if there is one; of process 0 only.
    Cost of a step: O(tokens) decodings for spans, and the writing. Raises InputError where pyarrow is missing, which comes with
    the extra `frames`, and for columns of several lengths.

    >>> import tempfile
    >>> from pathlib import Path
    >>> import pyarrow.parquet
    >>> from shapley_credit.adapters.recording import Recorder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Recorder(folder).write(3, {"completion": ["so", "thus"], "credit": [1.0, 3.0]})
    ...     path.name, pyarrow.parquet.read_table(path)["step"].to_pylist()
    ('step-3.parquet', [3, 3])
    """

    def __init__(self, folder: str | os.PathLike[str] = "rollouts", *, every: int = 1, tables: bool = True) -> None:
        self.folder = Path(folder)
        self.every = whole_number(every, "every", 1)
        self.tables = tables
        self._written: Counter[str] = Counter()

    def wants(self, step: int) -> bool:
        """Whether the rollouts of a step are recorded."""
        return step % self.every == 0

    def write(self, step: int, columns: Columns, *, rank: int = 0, ranks: int = 1, evaluation: bool = False) -> Path:
        """Write one row a completion: `step` and the columns, lists of one length. Returns the file's path."""
        table = _table({"step": [step] * len(next(iter(columns.values()), ())), **columns})
        name = f"{'eval/' * evaluation}step-{step}{f'-rank-{rank}' * (ranks > 1)}"
        part, self._written[name] = self._written[name], self._written[name] + 1
        path = self.folder / f"{name}{f'-part-{part}' * (part > 0)}.parquet"
        _save(table, path)
        if self.tables and rank == 0 and not evaluation:
            _log(table, step)
        return path


def spans_of(ids: Any, mask: Any, values: Any, tokenizer: Decoder) -> tuple[str, list[Span]]:
    """The text of sampled tokens, and a span for each run of neighbouring trainable tokens that have one value.

    ids: [T], as sampled. mask: [T], nonzero for trainable tokens. values: [T]. tokenizer: as in `token_offsets`.
    Returns the text, and {"start", "end", "credit"} by character, half-open; runs without characters are left out.
    Cost O(T) decodings. Raises InputError as `token_offsets` does.

    >>> from types import SimpleNamespace
    >>> from shapley_credit.adapters.recording import spans_of
    >>> tokenizer = SimpleNamespace(decode=lambda ids, skip_special_tokens: "".join("abc"[i] for i in ids))
    >>> spans_of([0, 1, 2], [1, 1, 1], [0.5, 0.5, -1.0], tokenizer)
    ('abc', [{'start': 0, 'end': 2, 'credit': 0.5}, {'start': 2, 'end': 3, 'credit': -1.0}])
    """
    text, offsets = token_offsets(ids, tokenizer)
    flags = (to_host(mask, "mask") != 0).tolist()
    worth = [float(value) for value in to_host(values, "values").tolist()]
    if not len(offsets) == len(flags) == len(worth):
        raise InputError(f"ids, mask and values must go together; got {len(offsets)}, {len(flags)} and {len(worth)}.")
    spans: list[Span] = []
    for value, run in groupby(range(len(flags)), key=lambda token: worth[token] if flags[token] else None):
        of_run = offsets[list(run)]
        # Tokens that share a character all have it: it is the first one's.
        start, end = max(_first(of_run), spans[-1]["end"] if spans else 0), int(of_run[:, 1].max())
        if value is not None and start < end:
            spans.append({"start": start, "end": end, "credit": value})
    return text, spans


def _first(offsets: Any) -> int:
    """Where the first token starts that has characters; a token without has (0, 0)."""
    real = offsets[offsets[:, 0] < offsets[:, 1]]
    return int(real[0, 0]) if len(real) else 0


def _table(columns: Columns) -> Any:
    try:
        import pyarrow as pa
    except ImportError as error:
        raise InputError(f"rollouts are recorded as Parquet, by pyarrow; {install('frames')}") from error
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise InputError(f"columns of rollouts must have one entry for each completion; got {lengths}.")
    return pa.table({name: list(column) for name, column in columns.items()})


def _save(table: Any, path: Path) -> None:
    """The whole file, or none: a run that is killed leaves no half of one."""
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pyarrow.parquet.write_table(table, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _log(table: Any, step: int) -> None:
    """A table for the trackers that run in this process; a package that nobody has imported has no run."""
    wandb, trackio = sys.modules.get("wandb"), sys.modules.get("trackio")
    if wandb is not None and wandb.run is not None:
        # The trainer's own call of log closes the step.
        wandb.log({TABLE: wandb.Table(dataframe=_plain(table))}, commit=False)
    if trackio is not None and trackio.context_vars.current_run.get() is not None:
        trackio.log({TABLE: trackio.Table(dataframe=_plain(table))}, step=step)


def _plain(table: Any) -> Any:
    """A pandas frame of numbers and texts: what trackers show no spans of."""
    return table.drop_columns([name for name in ("segments",) if name in table.column_names]).to_pandas()
