"""What is known of a trial, and the folder that keeps it: one JSON line each, and a table for people."""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from config.errors import UsageError
from training.settings import TrainSettings

LINES_FILE, TABLE_FILE = "trials.jsonl", "trials.csv"
STATUSES = ("ok", "pruned", "fail")
# trials.csv of char-rnn-text-generation, in name and order
ORIGINAL_COLUMNS = (
    "rank", "trial_num", "val_loss", "train_loss", "num_epochs", "avg_epoch_seconds", "batch_size", "drop_rate",
    "embedding_size", "num_layers", "rnn_size", "seq_len", "optimizer", "clip_norm", "status",
)  # fmt: skip
OUR_COLUMNS = ("error", "parameters", "chars_per_second", "seconds", "peak_memory_mb", "seed", "pareto", "started")
SETTINGS_IN_ORIGINAL = ORIGINAL_COLUMNS[6:14]
_FURTHER_SETTINGS = ("learning_rate", "lr_schedule", "weight_decay", "patience", "vocab", "tweet_resets", "precision")


@dataclass(frozen=True)
class Trial:
    """One setting, tried.

    Attributes:
        trial_num: from 1.
        status: "ok", "pruned" (cut because it looked hopeless; it has the loss so far) or "fail" (it has none).
        settings: of the whole run.
        val_loss, train_loss: of the best epoch, whose weights are in `best`; nats a character.
        num_epochs: epochs finished.
        curve: validation loss after each of them.
        seconds: the trial's process from its start to its end.
        epoch_seconds: training alone, mean of an epoch.
        started: time in UTC, ISO 8601.
    """

    trial_num: int
    status: str
    settings: dict[str, Any]
    val_loss: float | None = None
    train_loss: float | None = None
    num_epochs: int = 0
    curve: list[float] = field(default_factory=list)
    epoch_seconds: float | None = None
    chars_per_second: float | None = None
    seconds: float | None = None
    parameters: int | None = None
    peak_memory_mb: float | None = None
    started: str = ""
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read_trials(folder: Path) -> list[Trial]:
    """The finished trials of an experiment, by number; a last line that a kill cut short is left out."""
    path = folder / LINES_FILE
    names = {f.name for f in fields(Trial)}
    found = {}
    try:
        lines = path.read_text("utf-8").split("\n")
    except FileNotFoundError:
        return []
    for i, line in enumerate(lines):
        if not line:
            continue
        try:
            values = json.loads(line)
            trial = Trial(**{name: value for name, value in values.items() if name in names})
        except (ValueError, TypeError, AttributeError) as exc:
            if i == len(lines) - 1:
                continue
            raise UsageError(f"{path}, line {i + 1}, is damaged: {exc}") from exc
        found[trial.trial_num] = trial
    return [found[number] for number in sorted(found)]


def append_trial(folder: Path, trial: Trial) -> None:
    """Add a finished trial for good, then write the table anew."""
    path = folder / LINES_FILE
    with path.open("ab+") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.truncate(whole)  # what a kill cut short
        file.write(json.dumps(trial.as_json(), ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    write_table(folder, read_trials(folder))


def ranked(trials: Iterable[Trial]) -> list[Trial]:
    """Best loss first; those without one last, in the order of their numbers."""
    return sorted(trials, key=lambda t: (math.inf if t.val_loss is None else t.val_loss, t.trial_num))


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """The finished trials that no other beats in both loss and seconds an epoch, the quickest first."""
    front: list[Trial] = []
    finished = [t for t in trials if t.status == "ok" and t.val_loss is not None and t.epoch_seconds is not None]
    for trial in sorted(finished, key=lambda t: (t.epoch_seconds, t.val_loss)):
        if not front or trial.val_loss < front[-1].val_loss:  # type: ignore[operator]
            front.append(trial)
    return front


def write_table(folder: Path, trials: Sequence[Trial]) -> None:
    """Write trials.csv in one move."""
    front = {trial.trial_num for trial in pareto_front(trials)}
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow((*ORIGINAL_COLUMNS, *OUR_COLUMNS, *_FURTHER_SETTINGS))
    for rank, t in enumerate(ranked(trials), 1):
        settings = t.settings
        cells: list[Any] = [rank, t.trial_num, t.val_loss, t.train_loss, t.num_epochs, t.epoch_seconds]
        cells += [settings.get(name) for name in SETTINGS_IN_ORIGINAL]
        cells += [t.status, " ".join(t.error.split()), t.parameters, t.chars_per_second, t.seconds, t.peak_memory_mb]
        cells += [settings.get("random_seed"), int(t.trial_num in front), t.started]
        cells += [settings.get(name) for name in _FURTHER_SETTINGS]
        writer.writerow(map(_cell, cells))
    aside = folder / f"{TABLE_FILE}.part"
    aside.write_text(out.getvalue(), "utf-8")
    os.replace(aside, folder / TABLE_FILE)


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.10g}" if isinstance(value, float) else value


def read_table(path: Path) -> list[Trial]:
    """Trials from a trials.csv, ours or that of char-rnn-text-generation.

    Raises:
        UsageError: the file cannot be read, or a column is missing or not what its name says.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in ORIGINAL_COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise UsageError(f"{path} is no table of trials: it has no column {', '.join(missing)}")
            return [_trial_of(row, path, reader.line_num) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise UsageError(f"{path} cannot be read: {exc}") from exc


def _trial_of(row: dict[str, Any], path: Path, line: int) -> Trial:
    def number(name: str) -> float | None:
        try:
            value = float(row.get(name) or "nan")
        except ValueError as exc:
            raise UsageError(f"{path}, line {line}: {name} is {row[name]!r}, which is no number") from exc
        return value if math.isfinite(value) else None

    trial_num = number("trial_num")
    if trial_num is None:
        raise UsageError(f"{path}, line {line}: there is no trial_num")
    settings: dict[str, Any] = {}
    for name in (*SETTINGS_IN_ORIGINAL, "learning_rate"):
        if name == "optimizer":
            settings[name] = row[name]
        elif (value := number(name)) is not None:
            settings[name] = int(value) if isinstance(getattr(TrainSettings, name, None), int) else value
    # the original gives a failed trial the loss 100, and calls one that became NaN "ok"
    loss, status = number("val_loss"), row["status"] or "ok"
    status = "fail" if loss is None or status not in STATUSES else status
    parameters = number("parameters")
    return Trial(
        int(trial_num),
        status,
        settings,
        val_loss=None if status == "fail" else loss,
        train_loss=None if status == "fail" else number("train_loss"),
        num_epochs=int(number("num_epochs") or 0),
        epoch_seconds=number("avg_epoch_seconds"),
        chars_per_second=number("chars_per_second"),
        seconds=number("seconds"),
        parameters=int(parameters) if parameters else None,
        peak_memory_mb=number("peak_memory_mb"),
        started=row.get("started") or "",
        error=row.get("error") or "",
    )
