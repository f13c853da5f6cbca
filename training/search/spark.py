"""Runs trials on a Spark cluster, through hyperopt's SparkTrials.

The folder of the experiment must be one that every worker sees under the same path, and Starling with its training
parts must be installed where the workers' Python is. Each worker runs a trial as this machine would, and writes what
came of it into that folder itself: what SparkTrials keeps cannot be saved, and goes with the driver.
"""

import logging
import os
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from filelock import FileLock

from config.errors import UsageError
from training.search.decision import medians
from training.search.experiment import SearchPlan, begin_trial, open_experiment, trial_folder, unfinished_trials
from training.search.running import SearchDisplay, run_trial
from training.search.suggestion import Suggester
from training.search.trials import Trial, append_trial, read_trials

_STOP_FILE, _LOCK_FILE = "stop", "trials.lock"
_LOOK_EVERY_SECONDS = 0.5


def search_on_spark(
    plan: SearchPlan, master: str, display: SearchDisplay, *, should_stop: Callable[[], bool] = lambda: False
) -> list[Trial]:
    """Run the trials that are left on a cluster, `plan.parallel` at a time; returns all that are finished.

    Trials that ran when an earlier search ended are begun anew.

    Args:
        master: where Spark is, for example spark://host:7077.

    Raises:
        CorpusError, UsageError: nothing was begun, because it could not be.
    """
    open_experiment(plan)
    finished = read_trials(plan.folder)
    for number in unfinished_trials(plan.folder, (trial.trial_num for trial in finished)):
        shutil.rmtree(trial_folder(plan.folder, number))
    if len(finished) >= plan.num_trials:
        return finished
    with _session(master) as session, _watching(plan, display, finished, should_stop):
        _minimise(plan, session, finished)
    return read_trials(plan.folder)


def _minimise(plan: SearchPlan, session: Any, finished: Sequence[Trial]) -> None:
    from hyperopt import SparkTrials, fmin
    from hyperopt.exceptions import AllTrialsFailed

    suggester = Suggester(plan.space, plan.algorithm, plan.random_seed)
    trials = SparkTrials(parallelism=plan.parallel, spark_session=session)
    suggester.insert(trials, dict(enumerate(finished)))

    def suggest(new_ids: Sequence[int], domain: Any, trials: Any, seed: int) -> list[Any]:
        known = [suggester.key(suggester.read(document)) for document in trials.trials]
        return [suggester.draw(tid, domain, trials, known) for tid in new_ids]

    # of no use: this search is the only one in its session
    warnings.filterwarnings("ignore", "Spark session is not provided", UserWarning)
    with suppress(AllTrialsFailed):  # each has its line, with its reason
        fmin(
            lambda values: _try_on_worker(plan, values),
            suggester.expression,
            algo=suggest,
            max_evals=plan.num_trials,
            trials=trials,
            rstate=np.random.default_rng(plan.random_seed),
            return_argmin=False,
            show_progressbar=False,
            verbose=False,
        )


def _try_on_worker(plan: SearchPlan, values: dict[str, Any]) -> dict[str, Any]:
    """One trial, where Spark has put it; its result as hyperopt wants it."""
    stop = plan.folder / _STOP_FILE
    if stop.exists():  # SparkTrials goes on to its last trial, whatever happens
        return {"status": "fail"}
    settings = plan.space.settings(values)
    number = _claim_number(plan)
    begin_trial(plan.folder, number, settings)
    bounds = medians(read_trials(plan.folder), plan.max_epochs) if plan.prune else [None] * plan.max_epochs
    trial = run_trial(plan, number, settings, bounds, SearchDisplay(), stop.exists)
    if trial is None:
        return {"status": "fail"}
    with FileLock(plan.folder / _LOCK_FILE):
        append_trial(plan.folder, trial)
    return {"status": "fail"} if trial.val_loss is None else {"status": "ok", "loss": trial.val_loss}


def _claim_number(plan: SearchPlan) -> int:
    """The first number that no worker has; a folder can be made only once."""
    number = 1
    while True:
        try:
            trial_folder(plan.folder, number).mkdir()
            return number
        except FileExistsError:
            number += 1


@contextmanager
def _session(master: str) -> Iterator[Any]:
    try:
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as exc:
        raise UsageError("--spark needs PySpark: pip install 'starling-bot[spark]', and Java") from exc
    for noisy in ("hyperopt-spark", "hyperopt", "py4j", "pyspark"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master(master).appName("starling").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    if master.startswith("local"):  # else Spark asks the network for a name of this machine
        builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError) as exc:
        raise UsageError(f"no Spark at {master} (is Java installed?): {exc}") from exc
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def _watching(
    plan: SearchPlan, display: SearchDisplay, finished: Sequence[Trial], should_stop: Callable[[], bool]
) -> Iterator[None]:
    """Shows the trials that the workers finish, and tells the workers when to stop."""
    stop, over = plan.folder / _STOP_FILE, threading.Event()
    stop.unlink(missing_ok=True)
    deadline = None if plan.timeout is None else time.monotonic() + plan.timeout
    shown = {trial.trial_num for trial in finished}

    def look() -> None:
        trials = read_trials(plan.folder)
        for trial in trials:
            if trial.trial_num not in shown:
                shown.add(trial.trial_num)
                display.ended(trial, trials)
        if should_stop() or (deadline is not None and time.monotonic() > deadline):
            stop.touch()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_SECONDS):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        look()
        stop.unlink(missing_ok=True)
