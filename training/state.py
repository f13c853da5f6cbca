"""Everything a stopped run needs to go on as if it had not stopped: one file, written aside and moved into place."""

import json
import os
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from config.errors import ModelError
from training.export import EpochResult

FILE_NAME = "state.npz"
_DAMAGE = (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


@dataclass
class Position:
    """Where a run stands.

    Attributes:
        epoch: epochs finished.
        window: windows done of the epoch after those.
        loss_sum, characters, seconds: of that unfinished epoch.
        best: lowest validation loss so far; None before the first.
        rate_factor: what the schedule "plateau" has made of the learning rate.
    """

    epoch: int = 0
    window: int = 0
    loss_sum: float = 0.0
    characters: int = 0
    seconds: float = 0.0
    best: float | None = None
    rate_factor: float = 1.0
    history: list[EpochResult] = field(default_factory=list)


def _variables(network: Any, optimizer: Any) -> dict[str, Any]:
    """By name; the learning rate is not among them, because a resumed run may have another."""
    recurrent = [v for layer in network.layers if getattr(layer, "stateful", False) for v in layer.states]
    groups = {
        "weight": network.trainable_variables,
        "random": network.non_trainable_variables,
        "recurrent": recurrent,
        "optimizer": [v for v in optimizer.variables if v is not optimizer._learning_rate],
    }
    return {f"{group} {i}": v for group, variables in groups.items() for i, v in enumerate(variables)}


def save_state(folder: Path, network: Any, optimizer: Any, position: Position) -> None:
    """Write weights, optimizer, dropout's random state, LSTM states and position."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: np.asarray(v) for name, v in _variables(network, optimizer).items()}
    aside = folder / (FILE_NAME + ".part")
    with aside.open("wb") as file:
        np.savez(file, position=np.array(json.dumps(asdict(position))), **arrays)  # type: ignore[arg-type]
        file.flush()
        os.fsync(file.fileno())
    os.replace(aside, folder / FILE_NAME)


def read_position(folder: Path) -> Position:
    """Where the run in a folder stands.

    Raises:
        ModelError: the file is missing or damaged.
    """
    return _read(folder, ())[0]


def load_state(folder: Path, network: Any, optimizer: Any) -> Position:
    """Put a run back where it stood.

    Raises:
        ModelError: the file is missing, damaged, or of another network.
    """
    variables = _variables(network, optimizer)
    position, arrays = _read(folder, variables)
    for name, array in arrays.items():
        variable = variables[name]
        if tuple(variable.shape) != array.shape:
            raise ModelError(f"{folder / FILE_NAME} is of another network: {variable.path} has another shape")
        variable.assign(array)
    return position


def _read(folder: Path, names: Iterable[str]) -> tuple[Position, dict[str, Any]]:
    path = folder / FILE_NAME
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            values = json.loads(str(saved["position"]))
            # without dropout there are no random states to save, so they may be absent
            arrays = {name: saved[name] for name in names if name in saved or not name.startswith("random")}
            history = [EpochResult(**result) for result in values.pop("history")]
            return Position(**values, history=history), arrays
    except FileNotFoundError as exc:
        raise ModelError(f"{path} is missing: there is no run to resume") from exc
    except (*_DAMAGE, TypeError) as exc:
        raise ModelError(f"{path} is damaged: {exc}") from exc
