"""A checkpoint is a folder: `model.keras`, `checkpoint.json`, and what people read (history, plot, card).

Reading needs NumPy and h5py only. The weights file is an ordinary Keras 3 file; everything the bot must know
besides the weights lies in `checkpoint.json`. Keras writes the weights: see `training/export.py`.
"""

import hashlib
import io
import json
import zipfile
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from config.errors import ModelError
from model.fingerprints import Fingerprints, load_fingerprints
from model.network import Floats, LstmWeights, Network, Weights
from model.vocabulary import Vocabulary

FORMAT = 1
WEIGHTS_FILE = "model.keras"
JSON_FILE = "checkpoint.json"
FINGERPRINTS_FILE = "fingerprints.bin"
# What zipfile, zlib and h5py raise on bytes that are not what they say they are
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    ValueError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Checkpoint:
    """One trained network and what is known about it, checked against its files when it was opened.

    Attributes:
        path: the folder.
        meta: `checkpoint.json` as it is.
    """

    path: Path
    vocabulary: Vocabulary
    meta: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Names the weights: candidates remember which network wrote them by it."""
        return str(self.meta["model_sha256"])

    @property
    def name(self) -> str:
        """The run's folder name; `best` and `last` are not names."""
        return self.path.parent.name if self.path.name in ("best", "last") else self.path.name

    def weights(self) -> Weights:
        """Read the weights.

        Raises:
            ModelError: the file is cut, of another shape, or does not fit the vocabulary.
        """
        return read_weights(self.path / WEIGHTS_FILE, len(self.vocabulary))

    def network(self) -> Network:
        return Network(self.weights())

    def fingerprints(self) -> Fingerprints | None:
        """Which word runs the training text had; None where the checkpoint has no such file."""
        path = self.path / FINGERPRINTS_FILE
        return load_fingerprints(path) if path.exists() else None


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint folder, a run folder (its `best`), or the `model.keras` inside one.

    Raises:
        ModelError: there is none, or it is damaged; the message says what is wrong with which file.
    """
    folder = _checkpoint_folder(path)
    meta = _read_meta(folder / JSON_FILE)
    weights_file = folder / WEIGHTS_FILE
    if not weights_file.is_file():
        raise ModelError(f'{weights_file} is missing: run "bot train" first, or choose another checkpoint')
    try:
        vocabulary = Vocabulary(("", *meta["vocabulary"]["characters"]))
        digests = meta["vocabulary"]["sha256"], meta["model_sha256"]
        vocabulary_digest = vocabulary.sha256()
    except (KeyError, TypeError, ValueError) as exc:
        raise ModelError(f"{folder / JSON_FILE} is damaged: it has no usable entry {exc}") from exc
    if vocabulary_digest != digests[0]:
        raise ModelError(f"{folder / JSON_FILE} is damaged: its vocabulary was changed after training")
    if file_sha256(weights_file) != digests[1]:
        raise ModelError(f"{weights_file} is damaged or cut: it is not the file that was saved")
    return Checkpoint(folder, vocabulary, meta)


def pretrained_path() -> Path:
    """The checkpoint that ships with the package."""
    return Path(str(resources.files("model").joinpath("pretrained")))


def is_pretrained(checkpoint: Checkpoint) -> bool:
    """Whether these are the shipped weights, wherever the folder lies now."""
    return bool(_read_meta(pretrained_path() / JSON_FILE).get("model_sha256") == checkpoint.sha256)


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checkpoint_folder(path: Path) -> Path:
    if path.name == WEIGHTS_FILE:
        path = path.parent
    if not path.is_dir():
        raise ModelError(f'no checkpoint at {path}: run "bot train" first, or choose another')
    return path / "best" if (path / "best").is_dir() else path


def _read_meta(path: Path) -> dict[str, Any]:
    try:
        meta = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as exc:
        raise ModelError(f"no checkpoint at {path.parent}: {path.name} is missing") from exc
    except (OSError, ValueError) as exc:
        raise ModelError(f"{path} is damaged: {exc}") from exc
    if not isinstance(meta, dict) or not isinstance(meta.get("format"), int):
        raise ModelError(f"{path} is damaged: it is not a checkpoint description")
    if meta["format"] > FORMAT:
        raise ModelError(f"{path} has format {meta['format']}, this program reads up to {FORMAT}: upgrade it")
    return meta


def read_weights(path: Path, vocab_size: int) -> Weights:
    """Read the weights out of a Keras 3 file without Keras.

    Args:
        path: a `.keras` file (a zip with `model.weights.h5` in it) holding Embedding, LSTM layers and Dense.
        vocab_size: what the vocabulary beside it says.

    Raises:
        ModelError: it is not such a file, or its arrays do not fit together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            stored = archive.read("model.weights.h5")
        with h5py.File(io.BytesIO(stored), "r") as file:
            weights = _weights_from_layers(file["layers"])
        _check_shapes(path, weights, vocab_size)
    except _DAMAGE as exc:
        raise ModelError(f"{path} is damaged or no Keras 3 file of this network: {exc}") from exc
    return weights


def _weights_from_layers(layers: Any) -> Weights:
    # Keras numbers layers of one class: lstm, lstm_1, lstm_2
    recurrent = sorted((n for n in layers if n.startswith("lstm")), key=lambda n: int(n.partition("_")[2] or 0))
    return Weights(
        embedding=_array(layers, "embedding/vars/0"),
        layers=tuple(LstmWeights(*(_array(layers, f"{name}/cell/vars/{i}") for i in range(3))) for name in recurrent),
        dense_kernel=_array(layers, "dense/vars/0"),
        dense_bias=_array(layers, "dense/vars/1"),
    )


def _array(layers: Any, name: str) -> Floats:
    return np.asarray(layers[name], np.float32)


def _check_shapes(path: Path, weights: Weights, vocab_size: int) -> None:
    if not weights.layers:
        raise ModelError(f"{path} has no LSTM layer")
    inputs = weights.embedding.shape[1]
    units = weights.layers[0].recurrent.shape[0]
    expected: list[tuple[str, Floats, tuple[int, ...]]] = [("embedding", weights.embedding, (vocab_size, inputs))]
    for i, layer in enumerate(weights.layers):
        expected += [
            (f"lstm {i} kernel", layer.kernel, (units if i else inputs, 4 * units)),
            (f"lstm {i} recurrent", layer.recurrent, (units, 4 * units)),
            (f"lstm {i} bias", layer.bias, (4 * units,)),
        ]
    expected += [
        ("dense kernel", weights.dense_kernel, (units, vocab_size)),
        ("dense bias", weights.dense_bias, (vocab_size,)),
    ]
    for name, array, shape in expected:
        if array.shape != shape:
            raise ModelError(f"{path}: {name} has shape {array.shape}, the vocabulary and network need {shape}")
        if not np.isfinite(array).all():
            raise ModelError(f"{path}: {name} holds numbers that are not finite")
