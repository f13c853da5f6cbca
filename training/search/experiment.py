"""The folder of a search: what was asked, each trial's own folder, and what came of it."""

import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import UsageError
from model.checkpoint import FINGERPRINTS_FILE
from model.fingerprints import build_fingerprints
from training.dataset import read_tweets, survey
from training.search.space import Dimension, Space
from training.settings import TrainSettings

PLAN_FILE, TASK_FILE = "search.json", "trial.json"


@dataclass(frozen=True)
class SearchPlan:
    """What to search, and with what means.

    Attributes:
        folder: of the experiment.
        train_text, validate_text: one tweet a line.
        num_trials: in all, those of earlier calls included.
        max_epochs: of a trial.
        algorithm: "tpe" or "rand".
        prune: whether to cut trials that look hopeless.
        timeout, trial_timeout: seconds; of this call, and of one trial. None is no limit.
        trial_memory_mb: resident memory above which a trial is ended.
        parallel: trials at a time.
    """

    folder: Path
    train_text: Path
    validate_text: Path
    space: Space
    num_trials: int = 40
    max_epochs: int = 10
    algorithm: str = "tpe"
    random_seed: int = 1
    prune: bool = True
    timeout: float | None = None
    trial_timeout: float | None = None
    trial_memory_mb: float | None = None
    parallel: int = 1

    def lasting(self) -> dict[str, Any]:
        """What may not change while a search goes on, because its trials would not compare."""
        return {
            "space": self.space.as_json(),
            "settings": self.space.base.as_json(),
            "max_epochs_per_trial": self.max_epochs,
            "algo": self.algorithm,
            "random_seed": self.random_seed,
            "prune": self.prune,
            "train_text_sha256": survey(self.train_text).sha256,
            "val_text_sha256": survey(self.validate_text).sha256,
        }


def open_experiment(plan: SearchPlan) -> None:
    """Begin an experiment in its folder, or make sure that it is this one that goes on.

    Raises:
        CorpusError: a text cannot be used.
        UsageError: the folder holds something else; the message names the difference.
    """
    wanted = plan.lasting()
    path = plan.folder / PLAN_FILE
    if path.exists():
        had = read_plan(plan.folder)
        for name, value in wanted.items():
            if had.get(name) != value:
                raise UsageError(
                    f"{plan.folder} holds a search with {_said(name, had.get(name))}, not {_said(name, value)}: "
                    "give the same again, or another --experiment-path"
                )
    elif plan.folder.exists() and any(plan.folder.iterdir()):
        raise UsageError(f"{plan.folder} holds something else than a search: choose another --experiment-path")
    else:
        plan.folder.mkdir(parents=True, exist_ok=True)
        _write_whole(path, wanted)
    fingerprints = plan.folder / FINGERPRINTS_FILE
    if not fingerprints.exists():
        aside = fingerprints.with_suffix(".part")
        build_fingerprints(read_tweets(plan.train_text), aside)
        os.replace(aside, fingerprints)


def _said(name: str, value: Any) -> str:
    return f"{name} {json.dumps(value)}"


def read_plan(folder: Path) -> dict[str, Any]:
    """What was asked when the experiment began.

    Raises:
        UsageError: there is no experiment, or its file is damaged.
    """
    path = folder / PLAN_FILE
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as exc:
        raise UsageError(f"{folder} holds no search") from exc
    except ValueError as exc:
        raise UsageError(f"{path} is damaged: {exc}") from exc
    if not isinstance(values, dict):
        raise UsageError(f"{path} is damaged")
    return values


def read_space(folder: Path) -> Space:
    """The space of an experiment."""
    values = read_plan(folder)
    try:
        dimensions = tuple(Dimension(name, kind, tuple(v)) for name, (kind, v) in values["space"].items())
        return Space(TrainSettings.from_json(values["settings"]), dimensions)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise UsageError(f"{folder / PLAN_FILE} is damaged: {exc}") from exc


def trial_folder(folder: Path, number: int) -> Path:
    return folder / str(number)


def begin_trial(folder: Path, number: int, settings: TrainSettings) -> None:
    """Write down what a trial is, before it runs."""
    path = trial_folder(folder, number)
    path.mkdir(exist_ok=True)
    _write_whole(path / TASK_FILE, {"trial_num": number, "settings": settings.as_json()})


def unfinished_trials(folder: Path, finished: Iterable[int]) -> dict[int, TrainSettings]:
    """The trials that were running when the search ended, by number; a folder without its task is cleared away."""
    done, found = set(finished), {}
    for path in sorted(folder.iterdir()):
        if not path.name.isdigit() or int(path.name) in done:
            continue
        try:
            task = json.loads((path / TASK_FILE).read_text("utf-8"))
            found[int(path.name)] = TrainSettings.from_json(task["settings"])
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(path)
    return found


def _write_whole(path: Path, value: Any) -> None:
    aside = path.with_name(path.name + ".part")
    with aside.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=False, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, path)
