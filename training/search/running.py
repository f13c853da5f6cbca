"""Runs trials, each in its own process, and keeps what comes of them."""

import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from model.checkpoint import FINGERPRINTS_FILE
from training.search.decision import medians
from training.search.experiment import SearchPlan, begin_trial, open_experiment, trial_folder, unfinished_trials
from training.search.suggestion import Suggester
from training.search.trials import Trial, append_trial, read_trials
from training.settings import TrainSettings

_LOOK_EVERY_SECONDS = 0.2
_GRACE_SECONDS = 60  # for a step and a checkpoint, before a trial that was asked to stop is killed


class SearchDisplay:
    """Where a search says how it goes; this one says nothing."""

    def began(self, number: int, settings: TrainSettings) -> None: ...

    def event(self, number: int, event: dict[str, Any]) -> None: ...

    def ended(self, trial: Trial, finished: Sequence[Trial]) -> None: ...


def search(
    plan: SearchPlan,
    display: SearchDisplay,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> list[Trial]:
    """Run the trials that are left, `plan.parallel` at a time; returns all that are finished.

    Raises:
        CorpusError, UsageError: nothing was begun, because it could not be.
    """
    open_experiment(plan)
    suggester = Suggester(plan.space, plan.algorithm, plan.random_seed)
    finished = read_trials(plan.folder)
    waiting = unfinished_trials(plan.folder, (trial.trial_num for trial in finished))
    deadline = None if plan.timeout is None else clock() + plan.timeout
    running: dict[Future[Trial | None], tuple[int, TrainSettings]] = {}

    def time_is_up() -> bool:
        return should_stop() or (deadline is not None and clock() > deadline)

    with ThreadPoolExecutor(plan.parallel) as pool:
        while True:
            numbers = {trial.trial_num for trial in finished} | {number for number, _ in running.values()}
            while len(running) < plan.parallel and not time_is_up():
                number = next(n for n in range(1, len(numbers) + 2) if n not in numbers)
                if number > plan.num_trials:
                    break
                numbers.add(number)
                settings = waiting.pop(number, None)
                if settings is None:
                    settings = suggester.suggest(number, finished, (s for _, s in running.values()))
                    begin_trial(plan.folder, number, settings)
                display.began(number, settings)
                bounds = medians(finished, plan.max_epochs) if plan.prune else [None] * plan.max_epochs
                job = pool.submit(run_trial, plan, number, settings, bounds, display, time_is_up)
                running[job] = number, settings
            if not running:
                return finished
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for job in done:
                del running[job]
                if trial := job.result():
                    append_trial(plan.folder, trial)
                    finished = read_trials(plan.folder)
                    display.ended(trial, finished)


def run_trial(
    plan: SearchPlan,
    number: int,
    settings: TrainSettings,
    bounds: Sequence[float | None],
    display: SearchDisplay,
    should_stop: Callable[[], bool],
) -> Trial | None:
    """Run one trial to its end in a process of its own; None if it was stopped, and can go on later."""
    started, began = datetime.now(UTC), time.monotonic()
    process = _TrialProcess(plan, number, settings, bounds)
    last: dict[str, Any] = {}
    over, asked_at = "", None
    while not process.has_ended():
        if event := process.next_event():
            last = event
            display.event(number, event)
        seconds = time.monotonic() - began
        over = over or _over_limit(plan, seconds, process.measure_memory())
        if over or (asked_at is not None and seconds > asked_at + _GRACE_SECONDS):
            process.kill()
        elif asked_at is None and should_stop():
            asked_at = seconds
            process.ask_to_stop()
    code = process.close()
    if last.get("event") == "done":
        measured = {name: last[name] for name in Trial.__dataclass_fields__ if name in last}
    elif asked_at is not None or last.get("event") == "stopped":
        return None
    else:
        measured = {"status": "fail", "error": over or last.get("error") or _death(code)}
    shutil.rmtree(trial_folder(plan.folder, number) / "last", ignore_errors=True)  # three times the size of `best`
    measured["seconds"] = time.monotonic() - began
    measured["peak_memory_mb"] = max(process.peak_mb, last.get("peak_memory_mb", 0.0))
    return Trial(number, settings=settings.as_json(), started=started.isoformat(timespec="seconds"), **measured)


def _over_limit(plan: SearchPlan, seconds: float, memory_mb: float) -> str:
    if plan.trial_timeout and seconds > plan.trial_timeout:
        return f"it took longer than the limit of {plan.trial_timeout:g} s"
    if plan.trial_memory_mb and memory_mb > plan.trial_memory_mb:
        return f"it took more memory than the limit of {plan.trial_memory_mb:g} MB"
    return ""


class _TrialProcess:
    """The process of one trial.

    It reads its task from a pipe that stays open: if the search goes, however it goes, the pipe closes and the trial
    ends too.
    """

    def __init__(self, plan: SearchPlan, number: int, settings: TrainSettings, bounds: Sequence[float | None]) -> None:
        folder = trial_folder(plan.folder, number)
        with (folder / "stderr.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-m", "training.search.trial_process", str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=_environment(plan.parallel),
                start_new_session=True,  # Ctrl-C is for the search, which asks its trials to stop
            )
        self.peak_mb = 0.0
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read_lines)
        self._reader.start()
        task = {
            "settings": settings.as_json(),
            "train_text": str(plan.train_text.absolute()),
            "validate_text": str(plan.validate_text.absolute()),
            "fingerprints": str((plan.folder / FINGERPRINTS_FILE).absolute()),
            "bounds": list(bounds),
        }
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once; what it left tells why
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)

    def has_ended(self) -> bool:
        """Whether there is nothing left to hear from it."""
        return self._process.poll() is not None and not self._reader.is_alive() and self._lines.empty()

    def next_event(self) -> dict[str, Any] | None:
        """What it says next; None if it says nothing for a moment."""
        try:
            event = json.loads(self._lines.get(timeout=_LOOK_EVERY_SECONDS))
        except (queue.Empty, ValueError):  # a line that a kill cut short is no JSON
            return None
        return event if isinstance(event, dict) else None

    def measure_memory(self) -> float:
        """Resident memory in megabytes; 0 when it is gone."""
        import psutil

        try:
            resident = psutil.Process(self._process.pid).memory_info().rss / 1e6
        except psutil.Error:
            return 0.0
        self.peak_mb = max(self.peak_mb, resident)
        return float(resident)

    def ask_to_stop(self) -> None:
        """Have it save and end."""
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> int:
        """Its exit code, negative for a signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.stdout.close()
        return self._process.wait()


def _environment(parallel: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // parallel)
    return os.environ | {"TF_NUM_INTRAOP_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}


def _death(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        return f"it was killed by {name}" + (", as where memory runs out" if name == "SIGKILL" else "")
    return f"its process ended with code {code}; stderr.log in its folder may tell why"
