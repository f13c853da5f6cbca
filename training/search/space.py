"""What a search may vary, as a person writes it in TOML, checked before the first trial."""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, get_type_hints

import numpy as np

from config.errors import UsageError
from training.settings import TrainSettings

RANGES = ("uniform", "log_uniform", "integer")
_ELSEWHERE = {"num_epochs": "--max-epochs-per-trial", "random_seed": "--random-seed"}
_TYPES = get_type_hints(TrainSettings)

# The space of char-rnn-text-generation's hyperparameter-search.py, whose optimizers have their usual learning rates
DEFAULT_SPACE: dict[str, Any] = {
    "batch_size": [16, 32, 64, 128, 256, 512],
    "drop_rate": 0.0,
    "embedding_size": [16, 32, 64, 128, 256],
    "num_layers": 1,
    "rnn_size": 512,
    "seq_len": [16, 32, 64, 128, 256],
    "optimizer": ["rmsprop", "adagrad", "adadelta", "adam"],
    "clip_norm": [0.0, 5.0],
    "precision": "auto",
}


@dataclass(frozen=True)
class Dimension:
    """One setting and the values it may take.

    Attributes:
        kind: "constant", "choice", "uniform", "log_uniform" or "integer".
        values: the choices; of a range its lowest and highest, both included; of a constant the one.
    """

    name: str
    kind: str
    values: tuple[Any, ...]

    @property
    def is_numeric(self) -> bool:
        return all(isinstance(value, int | float) and not isinstance(value, bool) for value in self.values)


@dataclass(frozen=True)
class Space:
    """What a search varies, over the settings that all trials share."""

    base: TrainSettings
    dimensions: tuple[Dimension, ...]

    @property
    def varied(self) -> tuple[Dimension, ...]:
        return tuple(d for d in self.dimensions if d.kind != "constant")

    def settings(self, values: Mapping[str, Any]) -> TrainSettings:
        """The settings of a trial, from a value for each varied dimension, which may be one of NumPy's."""
        chosen = {d.name: d.values[0] for d in self.dimensions if d.kind == "constant"}
        for d in self.varied:
            value = values[d.name].item() if isinstance(values[d.name], np.generic) else values[d.name]
            chosen[d.name] = int(value) if d.kind == "integer" else value
        return replace(self.base, **chosen)

    def as_json(self) -> dict[str, Any]:
        return {d.name: [d.kind, list(d.values)] for d in self.dimensions}


def parse_space(table: Mapping[str, Any], base: TrainSettings) -> Space:
    """A space from the table `[space]` of a search file.

    A list is a choice, {uniform = [low, high]} and the like a range, all else a constant.

    Args:
        base: the settings for what the table does not name.

    Raises:
        UsageError: a name or value that the network or hyperopt cannot take; it names the key.
    """
    dimensions = tuple(_dimension(name, value) for name, value in table.items())
    for dimension in dimensions:
        for value in dimension.values:
            try:
                replace(base, **{dimension.name: value})
            except UsageError as exc:
                raise UsageError(f"space.{dimension.name}: {exc}") from exc
    space = Space(base, dimensions)
    if not space.varied:
        raise UsageError("space: every setting is a constant, so there is nothing to search")
    return space


def _dimension(name: str, value: Any) -> Dimension:
    if name in _ELSEWHERE:
        raise UsageError(f"space.{name}: not a part of the space, {_ELSEWHERE[name]} sets it")
    known = [f.name for f in fields(TrainSettings) if f.name not in _ELSEWHERE]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(f"space.{name}: no such setting; {f'is it {near[0]}?' if near else ', '.join(known)}")
    if isinstance(value, dict):
        return _range(name, value)
    if not isinstance(value, list):
        return Dimension(name, "constant", (_checked(name, value),))
    if not value:
        raise UsageError(f"space.{name}: a choice needs at least one value")
    values = tuple(_checked(name, v) for v in value)
    if len(set(values)) < len(values):
        raise UsageError(f"space.{name}: a value stands twice in {value}")
    return Dimension(name, "choice" if len(values) > 1 else "constant", values)


def _range(name: str, value: dict[str, Any]) -> Dimension:
    shape = f"write {{ {RANGES[0]} = [low, high] }}, with {', '.join(RANGES[1:])} the other kinds"
    if len(value) != 1 or next(iter(value)) not in RANGES:
        raise UsageError(f"space.{name}: {value} is no range; {shape}")
    ((kind, ends),) = value.items()
    if not isinstance(ends, list) or len(ends) != 2:
        raise UsageError(f"space.{name}: {kind} needs two numbers; {shape}")
    wanted = int if kind == "integer" else float
    if _TYPES[name] not in (wanted, wanted | None):
        raise UsageError(f"space.{name}: {kind} does not go with it; use a list of choices")
    low, high = (_checked(name, end) for end in ends)
    if not low < high:
        raise UsageError(f"space.{name}: {low} is not below {high}")
    if kind == "log_uniform" and low <= 0:
        raise UsageError(f"space.{name}: log_uniform must begin above 0, not at {low}")
    return Dimension(name, kind, (low, high))


def _checked(name: str, value: Any) -> Any:
    """The value in the type of its setting."""
    wanted = _TYPES[name]
    if wanted in (float, float | None) and isinstance(value, int | float) and not isinstance(value, bool):
        if not math.isfinite(value):
            raise UsageError(f"space.{name}: {value} is no number to train with")
        return float(value)
    if wanted in (int, str, bool) and type(value) is wanted:
        return value
    word = {int: "a whole number", str: "a text", bool: "true or false"}.get(wanted, "a number")
    raise UsageError(f"space.{name}: {value!r} is not {word}")
