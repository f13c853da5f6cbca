"""Which trial to take, whether to go on with one, and what the space should have held: pure functions of trials."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from training.search.space import Dimension, Space
from training.search.trials import Trial, ranked

MIN_FINISHED = 4  # trials that must have finished before one is cut by their median
_EDGE = 0.05  # share of a range, at each end, that counts as its edge
_ORIGINAL_VOCABULARY = 98  # of a table that does not tell the number of parameters
_BYTES_OF_A_WEIGHT = 4


@dataclass(frozen=True)
class Limits:
    """What a trial must keep to be recommended.

    Attributes:
        within: share of the best loss by which its own may be higher.
        max_seconds: of an epoch.
        max_megabytes: of its weights in float32.
    """

    within: float = 0.025
    max_seconds: float | None = None
    max_megabytes: float | None = None


@dataclass(frozen=True)
class Recommendation:
    """The trial to take, and why."""

    trial: Trial
    reason: str


def recommend(trials: Sequence[Trial], limits: Limits) -> Recommendation | None:
    """The cheapest trial whose loss is near the best; None where no trial keeps the limits.

    Cheap is few seconds of training an epoch, then few parameters. The best loss is that of all finished trials, also
    of those beyond the other limits: what is given up for them shows in the reason.
    """
    finished = [t for t in ranked(trials) if t.status == "ok" and t.val_loss is not None]
    if not finished:
        return None
    best = finished[0]
    bound = _loss(best) * (1 + limits.within)
    affordable = [t for t in finished if _affordable(t, limits)]
    near = [t for t in affordable if _loss(t) <= bound]
    if not affordable:
        return None
    if not near:
        trial = affordable[0]
        return Recommendation(
            trial,
            f"it has the lowest loss ({_loss(trial):.4f}) of those within the limits of time and size; "
            f"the best, trial {best.trial_num}, has {_loss(best):.4f}",
        )
    trial = min(near, key=lambda t: (_seconds(t), megabytes(t), _loss(t)))
    if trial is best:
        return Recommendation(trial, f"it has the lowest loss ({_loss(best):.4f}), and none near it is cheaper")
    more = _loss(trial) / _loss(best) - 1
    return Recommendation(
        trial,
        f"its loss ({_loss(trial):.4f}, rank {finished.index(trial) + 1}) is {more:.1%} above the best "
        f"({_loss(best):.4f}, trial {best.trial_num}), at {_seconds(trial):.3g} s an epoch instead of "
        f"{_seconds(best):.3g} s: the cheapest of the {len(near)} within {limits.within:.1%}",
    )


def _loss(trial: Trial) -> float:
    assert trial.val_loss is not None
    return trial.val_loss


def _seconds(trial: Trial) -> float:
    return float("inf") if trial.epoch_seconds is None else trial.epoch_seconds


def _affordable(trial: Trial, limits: Limits) -> bool:
    if limits.max_seconds is not None and _seconds(trial) > limits.max_seconds:
        return False
    return limits.max_megabytes is None or megabytes(trial) <= limits.max_megabytes


def megabytes(trial: Trial) -> float:
    """Size of a trial's weights; counted from its settings where the table does not tell."""
    return (trial.parameters or _parameters(trial.settings)) * _BYTES_OF_A_WEIGHT / 1e6


def _parameters(settings: dict[str, Any]) -> int:
    units, below = settings["rnn_size"], settings["embedding_size"]
    count = _ORIGINAL_VOCABULARY * below + (units + 1) * _ORIGINAL_VOCABULARY
    for _ in range(settings["num_layers"]):
        count += 4 * units * (below + units + 1)
        below = units
    return int(count)


def medians(trials: Iterable[Trial], epochs: int, min_finished: int = MIN_FINISHED) -> list[float | None]:
    """For each epoch the loss above which a trial is hopeless: the median of the finished trials' best loss so far.

    None where fewer than `min_finished` trials say what to expect. Trials that were cut do not count: they would hold
    the median up.

    Source: the median stopping rule of Golovin et al., "Google Vizier" (2017), section 3.2.1, with the best loss so
    far of the others in place of their running average, which punishes slow starts.
    """
    curves = [t.curve for t in trials if t.status == "ok" and t.curve]
    bounds: list[float | None] = []
    for epoch in range(1, epochs + 1):
        bests = [min(curve[:epoch]) for curve in curves]
        bounds.append(statistics.median(bests) if len(bests) >= min_finished else None)
    return bounds


def is_hopeless(curve: Sequence[float], bounds: Sequence[float | None]) -> bool:
    """Whether a trial with these losses so far should be cut; at its last epoch there is nothing left to save."""
    if not curve or len(curve) >= len(bounds):
        return False
    bound = bounds[len(curve) - 1]
    return bound is not None and min(curve) > bound


def edges(trials: Sequence[Trial], space: Space | None) -> list[str]:
    """For each setting whose best value is the first or last of what could be: a sentence that says so.

    Args:
        space: None for a bare table, where the lowest and highest value that was tried count.
    """
    finished = [t for t in ranked(trials) if t.status == "ok"]
    if not finished:
        return []
    best = finished[0].settings
    found = []
    for dimension in _numeric(finished, space):
        value = best.get(dimension.name)
        if value is None:
            continue
        low, high = min(dimension.values), max(dimension.values)
        share = _share(value, low, high, dimension.kind == "log_uniform")
        margin = 0.0 if dimension.kind == "choice" else _EDGE
        if margin < share < 1 - margin:
            continue
        side, beyond = ("lowest", "lower") if share <= margin else ("highest", "higher")
        found.append(
            f"{dimension.name} is best at {value:.4g}, the {side} end of what was "
            f"{'allowed' if space else 'tried'} ({low:.4g} to {high:.4g}): {beyond} values may be better still"
        )
    return found


def _numeric(trials: Sequence[Trial], space: Space | None) -> list[Dimension]:
    """The dimensions that have ends; of a bare table those that its trials span."""
    if space:
        return [d for d in space.varied if d.is_numeric]
    spans = []
    for name in trials[0].settings:
        values = {t.settings[name] for t in trials if isinstance(t.settings.get(name), int | float)}
        if len(values) > 1:
            spans.append(Dimension(name, "choice", tuple(values)))
    return spans


def _share(value: float, low: float, high: float, is_log: bool) -> float:
    """Where between low (0) and high (1) a value lies."""
    if is_log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return (value - low) / (high - low)
