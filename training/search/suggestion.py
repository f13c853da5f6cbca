"""What to try next, asked of hyperopt.

hyperopt's own loop keeps its trials in a pickle and its random state in memory. Here each suggestion is a function of
the search's random seed, the number of the trial and the trials before it, so that a search that was killed goes on
with what it would have tried.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from training.search.space import Dimension, Space
from training.search.trials import Trial
from training.settings import TrainSettings

ALGORITHMS = ("tpe", "rand")
STARTUP_TRIALS = 10  # drawn at random before TPE has enough to go by; its own 20 would be most of a search
_DRAWS = 50  # before a setting that was tried already is tried again


class Suggester:
    """One search's source of settings.

    Args:
        algorithm: "tpe" (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", 2011) or "rand".
    """

    def __init__(self, space: Space, algorithm: str, random_seed: int) -> None:
        from hyperopt.base import Domain

        logging.getLogger("hyperopt").setLevel(logging.WARNING)
        self.space, self._algorithm, self._random_seed = space, algorithm, random_seed
        self.expression = _expression(space)
        self._domain = Domain(None, self.expression)

    def suggest(self, number: int, finished: Sequence[Trial], running: Iterable[TrainSettings] = ()) -> TrainSettings:
        """The setting for trial `number`; one that was or is being tried is avoided while there are others."""
        from hyperopt.base import Trials

        trials = Trials()
        self.insert(trials, {trial.trial_num - 1: trial for trial in finished})
        known = [self.key(TrainSettings.from_json(trial.settings)) for trial in finished]
        known += map(self.key, running)
        return self.read(self.draw(number - 1, self._domain, trials, known))

    def draw(self, tid: int, domain: Any, trials: Any, known: Sequence[Any]) -> Any:
        """hyperopt's document for a trial with that id, new to `known` if that can be had."""
        from hyperopt import rand, tpe

        document = None
        for attempt in range(_DRAWS):
            seed = int(np.random.SeedSequence([self._random_seed, tid, attempt]).generate_state(1)[0])
            if self._algorithm == "rand" or len(trials.trials) < STARTUP_TRIALS:
                (document,) = rand.suggest([tid], domain, trials, seed)
            else:
                (document,) = tpe.suggest([tid], domain, trials, seed, n_startup_jobs=0, verbose=False)
            if self.key(self.read(document)) not in known:
                break
        return document

    def read(self, document: Any) -> TrainSettings:
        """The settings that a document of hyperopt's stands for."""
        from hyperopt import space_eval

        return self.space.settings(
            space_eval(self.expression, {name: v[0] for name, v in document["misc"]["vals"].items()})
        )

    def insert(self, trials: Any, finished: Mapping[int, Trial]) -> None:
        """Put finished trials, by id, into one of hyperopt's collections."""
        trials.insert_trial_docs([self._document(tid, trial) for tid, trial in finished.items()])
        trials._ids.update(finished)
        trials.refresh()

    def _document(self, tid: int, trial: Trial) -> dict[str, Any]:
        """A finished trial as hyperopt keeps it; a failed one counts as the worst."""
        from hyperopt.base import JOB_STATE_DONE, STATUS_FAIL, STATUS_OK

        result: dict[str, Any] = {"status": STATUS_FAIL if trial.val_loss is None else STATUS_OK}
        if trial.val_loss is not None:
            result["loss"] = trial.val_loss
        vals = {d.name: [_drawn(d, trial.settings[d.name])] for d in self.space.varied}
        return {
            "state": JOB_STATE_DONE,
            "tid": tid,
            "spec": None,
            "result": result,
            "misc": {"tid": tid, "cmd": None, "workdir": None, "idxs": {name: [tid] for name in vals}, "vals": vals},
            "exp_key": None,
            "owner": None,
            "version": 0,
            "book_time": None,
            "refresh_time": None,
        }

    def key(self, settings: TrainSettings) -> tuple[Any, ...]:
        """What tells two settings of this space apart."""
        return tuple(getattr(settings, d.name) for d in self.space.varied)


def _expression(space: Space) -> dict[str, Any]:
    from hyperopt import hp

    makers: dict[str, Any] = {
        "choice": lambda name, values: hp.choice(name, list(values)),
        "uniform": lambda name, ends: hp.uniform(name, *ends),
        "log_uniform": lambda name, ends: hp.loguniform(name, *np.log(ends)),
        "integer": lambda name, ends: hp.uniformint(name, *ends),
    }
    return {d.name: makers[d.kind](d.name, d.values) for d in space.varied}


def _drawn(dimension: Dimension, value: Any) -> Any:
    """The value as hyperopt drew it: of a choice its index."""
    return dimension.values.index(value) if dimension.kind == "choice" else value
