"""What several test files need, and what no test may touch."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

_SUBJECTS = ("the river", "a small boat", "our garden", "the night train", "this old radio", "a paper kite")
_VERBS = ("waits for", "sings to", "remembers", "is late for", "paints")
_OBJECTS = ("the rain.", "the harbour!", "an empty street", "tomorrow", "two grey herons", "the last bus?")


class ForbiddenConnectionError(Exception):
    """A test tried to leave this machine."""


@pytest.fixture(scope="session", autouse=True)
def _nothing_but_loopback() -> Iterator[None]:
    """No test reaches a host but this one, whatever the code under test would like to."""
    connect = socket.socket.connect

    def loopback_only(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "::1", "localhost")):
            raise ForbiddenConnectionError(str(address))
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", loopback_only)
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The developer's own keys, settings and bot are out of reach."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("TWITTER_", "BOT_"))]:
            patch.delenv(name)
        nowhere = tmp_path_factory.mktemp("nowhere") / "a-file"
        nowhere.write_text("a test has to name its home")
        patch.setenv("BOT_HOME", str(nowhere))
        yield


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder as the training loop writes it: 8 units, one epoch, about 60 tweets. Only to be read."""
    from training.loop import Display, RunPlan, train
    from training.settings import TrainSettings

    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(11)
    tweets = [" ".join(str(rng.choice(words)) for words in (_SUBJECTS, _VERBS, _OBJECTS)) for _ in range(60)]
    (folder / "train.txt").write_text("\n".join(tweets[6:]) + "\n", "utf-8")
    (folder / "validate.txt").write_text("\n".join(tweets[:6]) + "\n", "utf-8")
    settings = TrainSettings(rnn_size=8, embedding_size=4, batch_size=4, seq_len=16, num_epochs=1)
    plan = RunPlan(folder / "run", folder / "train.txt", folder / "validate.txt", settings)
    train(plan, Display())
    return plan.folder / "best"
