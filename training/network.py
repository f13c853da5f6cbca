"""The network in Keras, its optimizer, and its weights on the way in and out.

TensorFlow is imported inside the functions, so that importing this module costs nothing.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from config.errors import UsageError
from model.network import LstmWeights, Weights
from training.settings import TrainSettings

_WARMUP = 0.02  # share of all steps in which the learning rate rises to its peak


def import_keras() -> Any:
    """Keras on TensorFlow, with TensorFlow's messages off.

    Raises:
        UsageError: the training parts are not installed.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        with _quiet_stderr():
            import keras
            import tensorflow

            tensorflow.config.list_physical_devices()
    except ImportError as exc:
        raise UsageError(
            'training needs TensorFlow: use "./scripts/bot train", or "pip install \'starling-bot[train]\'"'
        ) from exc
    return keras


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """TensorFlow writes a page about CPUs and missing GPUs past Python, whatever its log level."""
    if "tensorflow" in sys.modules:
        yield
        return
    kept = os.dup(2)
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        except BaseException:
            written.seek(0)
            os.write(kept, written.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def build_network(vocab_size: int, settings: TrainSettings, *, batch: int | None = None, stateful: bool = False) -> Any:
    """Embedding → Dropout → (LSTM → Dropout) × num_layers → Dense softmax.

    Args:
        batch: rows; None for any number, which only a network that is not stateful can have.

    Returns:
        A Keras model from int[batch, time] to float32 probabilities[batch, time, vocab].

    Source: the network of char-rnn-text-generation.
    """
    layers = import_keras().layers
    parts = [
        layers.Input(batch_shape=(batch, None), dtype="int32"),
        layers.Embedding(vocab_size, settings.embedding_size, name="embedding"),
        layers.Dropout(settings.drop_rate, name="dropout"),
    ]
    for i in range(settings.num_layers):
        suffix = f"_{i}" if i else ""
        lstm = layers.LSTM(settings.rnn_size, return_sequences=True, stateful=stateful, name=f"lstm{suffix}")
        parts += [lstm, layers.Dropout(settings.drop_rate, name=f"dropout_{i + 1}")]
    parts.append(layers.Dense(vocab_size, activation="softmax", name="dense"))
    return import_keras().Sequential(parts, name="starling")


def build_optimizer(settings: TrainSettings, steps: int) -> Any:
    """The optimizer with its schedule; gradients are clipped by their norm all together, as Keras 2 did.

    Args:
        steps: of the whole run, over which the schedule stretches.
    """
    keras = import_keras()
    rate: Any = settings.peak_learning_rate
    if settings.lr_schedule == "cosine":
        warmup = max(1, round(steps * _WARMUP))
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, max(1, steps - warmup), warmup_target=rate, warmup_steps=warmup
        )
    extras: dict[str, Any] = {"rmsprop": {"rho": 0.9}, "adadelta": {"rho": 0.95}}.get(settings.optimizer, {})
    classes = {
        "sgd": keras.optimizers.SGD,
        "rmsprop": keras.optimizers.RMSprop,
        "adagrad": keras.optimizers.Adagrad,
        "adadelta": keras.optimizers.Adadelta,
        "adam": keras.optimizers.Adam,
    }
    return classes[settings.optimizer](
        rate, global_clipnorm=settings.clip_norm or None, weight_decay=settings.weight_decay or None, **extras
    )


def reset_states(network: Any) -> None:
    """Forget what came before: zero hidden and cell state of every LSTM layer."""
    for layer in network.layers:
        if getattr(layer, "stateful", False):
            layer.reset_states()


def weights_of(network: Any) -> Weights:
    """Copy the weights of a Keras network out, for the NumPy one."""
    embedding, *rest, dense_kernel, dense_bias = (np.array(w, np.float32) for w in network.get_weights())
    layers = tuple(LstmWeights(*rest[i : i + 3]) for i in range(0, len(rest), 3))
    return Weights(embedding, layers, dense_kernel, dense_bias)


def set_weights(network: Any, weights: Weights) -> None:
    """Copy weights into a Keras network of the same sizes."""
    arrays = [weights.embedding]
    for layer in weights.layers:
        arrays += [layer.kernel, layer.recurrent, layer.bias]
    network.set_weights([*arrays, weights.dense_kernel, weights.dense_bias])


def grow_vocabulary(weights: Weights, vocab_size: int, rng: np.random.Generator) -> Weights:
    """The same network with rows for new characters: small random inputs, and outputs that start out unlikely."""
    added = vocab_size - len(weights.embedding)
    if not added:
        return weights
    embedding = rng.uniform(-0.05, 0.05, (added, weights.embedding.shape[1])).astype(np.float32)
    kernel = rng.normal(0, 0.01, (weights.dense_kernel.shape[0], added)).astype(np.float32)
    # as unlikely as the rarest known character: they come from this corpus, not from the old one
    bias = np.full(added, weights.dense_bias.min(), np.float32)
    return Weights(
        np.concatenate([weights.embedding, embedding]),
        weights.layers,
        np.concatenate([weights.dense_kernel, kernel], axis=1),
        np.concatenate([weights.dense_bias, bias]),
    )
