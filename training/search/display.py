"""How a search shows itself: bars on a terminal, a line after each epoch and trial everywhere."""

import statistics
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from training.search.running import SearchDisplay
from training.search.space import Space
from training.search.trials import Trial, ranked
from training.settings import TrainSettings


class SearchProgress(SearchDisplay):
    """Writes to stderr; use as a context manager."""

    def __init__(self, space: Space, num_trials: int, parallel: int, finished: Sequence[Trial]) -> None:
        self._space, self._num_trials, self._parallel = space, num_trials, parallel
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[note]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._whole = self._progress.add_task("search", total=num_trials, completed=len(finished), note="")
        self._bars: dict[int, TaskID] = {}

    def __enter__(self) -> "SearchProgress":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def began(self, number: int, settings: TrainSettings) -> None:
        self._say(f"trial {number}/{self._num_trials}: {self._setting(settings.as_json())}")
        self._bars[number] = self._progress.add_task(f"trial {number}", total=1.0, note="starting")

    def event(self, number: int, event: dict[str, Any]) -> None:
        if event["event"] == "step":
            note = f"epoch {event['epoch']}, loss {event['loss']:.4f}"
            self._progress.update(self._bars[number], completed=event["share"], note=note)
        elif event["event"] == "epoch":
            self._say(f"trial {number}, epoch {event['epoch']}: {event['val_loss']:.4f}")

    def ended(self, trial: Trial, finished: Sequence[Trial]) -> None:
        if trial.trial_num in self._bars:  # on a cluster nobody told of its beginning
            self._progress.remove_task(self._bars.pop(trial.trial_num))
        loss = "no loss" if trial.val_loss is None else f"{trial.val_loss:.4f}"
        why = f": {trial.error}" if trial.error else ""
        best = ranked(finished)[0]
        so_far = "" if best.val_loss is None else f"best so far {best.val_loss:.4f} (trial {best.trial_num}), "
        left = f"{so_far}{self._time_left(finished)}"
        self._say(f"trial {trial.trial_num} {trial.status}: {loss}, {trial.seconds or 0:.0f} s{why}; {left}")
        self._progress.update(self._whole, completed=len(finished), note=left)

    def _time_left(self, finished: Sequence[Trial]) -> str:
        seconds = statistics.fmean(trial.seconds or 0.0 for trial in finished)
        minutes = seconds * max(0, self._num_trials - len(finished)) / self._parallel / 60
        return f"{minutes:.0f} min left" if minutes >= 1 else "less than a minute left"

    def _setting(self, settings: dict[str, Any]) -> str:
        values = {d.name: settings[d.name] for d in self._space.varied}
        return ", ".join(f"{name} {v:.4g}" if isinstance(v, float) else f"{name} {v}" for name, v in values.items())

    def _say(self, text: str) -> None:
        if self._console.is_terminal:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')}  {text}\n")
            sys.stderr.flush()
