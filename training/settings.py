"""What a training run is made of, and the two recipes to start from."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from config.errors import UsageError

OPTIMIZERS = ("sgd", "rmsprop", "adagrad", "adadelta", "adam")
# Keras' own defaults when char-rnn-text-generation was written (Keras 2.2)
DEFAULT_LEARNING_RATES = {"sgd": 0.01, "rmsprop": 0.001, "adagrad": 0.01, "adadelta": 1.0, "adam": 0.001}
SCHEDULES = ("constant", "cosine", "plateau")
VOCABULARIES = ("auto", "ascii98")
PRECISIONS = ("auto", "float32", "bfloat16")
ARCHITECTURE = ("num_layers", "rnn_size", "embedding_size")


@dataclass(frozen=True)
class TrainSettings:
    """Every number of a run.

    Attributes:
        num_layers, rnn_size, embedding_size: the network; LSTM layers, units a layer, numbers a character.
        batch_size: rows trained side by side.
        seq_len: characters after which gradients are cut.
        drop_rate: share of inputs dropped before and after each LSTM layer.
        learning_rate: peak; None means the optimizer's usual one.
        lr_schedule: "cosine" warms up for 2 % of the steps, then falls to zero at the last; "plateau" halves it after
            each epoch that was not the best.
        clip_norm: largest norm of all gradients together; 0 is off.
        weight_decay: share of every weight, times the learning rate, that each step takes away (Loshchilov & Hutter,
            "Decoupled Weight Decay Regularization", 2019).
        num_epochs: passes over the text.
        patience: epochs in a row without a new best after which a run ends; 0 is never.
        vocab: "auto" adds the corpus' own frequent characters to ASCII, "ascii98" does not.
        tweet_resets: forget the tweet before at the start of each, as when writing and measuring.
        precision: of matrix products on a CPU; "auto" is bfloat16 where the processor has it.
        random_seed: of initial weights and dropout.
    """

    num_layers: int = 1
    rnn_size: int = 512
    embedding_size: int = 64
    batch_size: int = 32
    seq_len: int = 64
    drop_rate: float = 0.1
    learning_rate: float | None = 0.004
    lr_schedule: str = "cosine"
    clip_norm: float = 1.0
    optimizer: str = "adam"
    weight_decay: float = 0.06
    num_epochs: int = 10
    patience: int = 0
    vocab: str = "auto"
    tweet_resets: bool = False
    precision: str = "auto"
    random_seed: int = 1

    def __post_init__(self) -> None:
        for name in ("num_layers", "rnn_size", "embedding_size", "batch_size", "seq_len", "num_epochs"):
            if getattr(self, name) < 1:
                raise UsageError(f"{flag(name)} must be at least 1")
        if not 0 <= self.drop_rate < 1:
            raise UsageError("--drop-rate must be at least 0 and below 1")
        if not 0 <= self.random_seed < 2**32:
            raise UsageError("--random-seed must be at least 0 and below 2**32")
        if self.patience < 0:
            raise UsageError("--patience must be at least 0 (0 is off)")
        for name in ("clip_norm", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"{flag(name)} must be at least 0 (0 is off)")
        if self.learning_rate is not None and self.learning_rate <= 0:
            raise UsageError("--learning-rate must be above 0")
        for name, allowed in (
            ("optimizer", OPTIMIZERS),
            ("lr_schedule", SCHEDULES),
            ("vocab", VOCABULARIES),
            ("precision", PRECISIONS),
        ):
            if getattr(self, name) not in allowed:
                raise UsageError(f"{flag(name)} must be one of {', '.join(allowed)}")

    @property
    def peak_learning_rate(self) -> float:
        return self.learning_rate or DEFAULT_LEARNING_RATES[self.optimizer]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "TrainSettings":
        names = {f.name for f in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in names})


PRESETS = {
    "starling": TrainSettings(),
    # The defaults of char-rnn-text-generation's train.py
    "original": TrainSettings(
        batch_size=128,
        seq_len=32,
        drop_rate=0.05,
        learning_rate=None,
        lr_schedule="constant",
        clip_norm=5.0,
        optimizer="rmsprop",
        weight_decay=0.0,
        vocab="ascii98",
        tweet_resets=False,
        precision="float32",
    ),
}


def flag(name: str) -> str:
    """The command line's spelling of a setting."""
    return "--" + name.replace("_", "-")
