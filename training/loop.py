"""The training loop: epochs of continuous windows, measured after each, stoppable at any step."""

import math
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from config.errors import BotError, ModelError, UsageError
from model.checkpoint import FINGERPRINTS_FILE, Checkpoint, open_checkpoint
from model.fingerprints import build_fingerprints
from model.network import Network
from model.sampler import Sampling, write_tweets
from model.score import Score, score_tweets
from model.vocabulary import ASCII98, Vocabulary, build_vocabulary
from training.dataset import Windows, encode_file, read_tweets, survey
from training.export import EpochResult, RunFacts, restore_interrupted, write_checkpoint
from training.network import (
    build_network,
    build_optimizer,
    grow_vocabulary,
    import_keras,
    reset_states,
    set_weights,
    weights_of,
)
from training.settings import ARCHITECTURE, TrainSettings, flag
from training.state import Position, load_state, save_state
from training.step import build_train_step, choose_arithmetic

SAVE_EVERY_SECONDS = 300
_DIVERGED_NATS = 100.0  # guessing among all of Unicode costs 14


class DivergedError(BotError):
    """The loss is no longer a number; try a lower --learning-rate or a --clip-norm."""


@dataclass(frozen=True)
class Step:
    """What the display is told after each window; losses in nats a character."""

    epoch: int
    epochs: int
    window: int
    windows: int
    loss: float
    chars_per_second: float


class Display:
    """Where a run says how it goes; this one says nothing."""

    def notice(self, text: str) -> None: ...

    def step(self, step: Step) -> None: ...

    def epoch(self, result: EpochResult, is_best: bool, sample: str) -> None: ...


@dataclass(frozen=True)
class RunPlan:
    """What to train, where, and from what.

    Attributes:
        folder: gets `best` and `last`.
        train_text, validate_text: one tweet a line.
        settings: of a new run; a resumed one keeps its own but for `changed`.
        changed: names of settings the caller gave explicitly.
        base: the checkpoint to start from; None is from scratch.
        resume: go on with what stands in `folder`.
        sources: where the text came from, for the card.
        fingerprints: of the very text, made before; None to make them.
    """

    folder: Path
    train_text: Path
    validate_text: Path
    settings: TrainSettings
    changed: frozenset[str] = frozenset()
    base: Checkpoint | None = None
    resume: bool = False
    sources: Sequence[dict[str, object]] = ()
    fingerprints: Path | None = None


def train(
    plan: RunPlan,
    display: Display,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    clock: Callable[[], float] = time.monotonic,
) -> list[EpochResult]:
    """Run to the last epoch or until told to stop; returns the finished epochs.

    Raises:
        CorpusError: a text is missing, empty or not UTF-8.
        ModelError, UsageError: nothing to resume, or the wish does not fit what is there.
        DivergedError: the loss became NaN; `best` still holds the best epoch.
    """
    run = _Run(plan, display, should_stop, clock)
    return run.to_the_end()


class _Run:
    """One run in memory."""

    def __init__(
        self, plan: RunPlan, display: Display, should_stop: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self.plan, self.display, self.should_stop, self.clock = plan, display, should_stop, clock
        text = survey(plan.train_text)
        if not any(True for _ in read_tweets(plan.validate_text)):
            raise UsageError(f"{plan.validate_text} is empty: the validation loss needs at least one tweet")
        base, same_text, plan_settings = plan.base, False, plan.settings
        if plan.resume:
            base, same_text, plan_settings = _resumed(plan, text.sha256)
            if not same_text:
                display.notice("the text is another one than before: new epochs from the weights that are there")
        elif (plan.folder / "last").exists() or (plan.folder / "best").exists():
            raise UsageError(f"{plan.folder} holds a run already: --resume goes on with it, or choose another folder")
        if base:
            plan_settings = _with_architecture(plan_settings, base, plan.changed)
        start = base.vocabulary if base else ASCII98
        grows = plan_settings.vocab == "auto" and not same_text
        vocabulary = build_vocabulary(text.counts, start) if grows else start
        self.settings = plan_settings
        base_sha256 = base.sha256 if base else None
        if base and same_text:  # the base of a resumed run is its own `last`
            base_sha256 = base.meta["training"]["base_sha256"]
        self.facts = RunFacts(plan_settings, vocabulary, text, list(plan.sources), base_sha256)
        self.fingerprints = plan.folder / FINGERPRINTS_FILE
        if not (same_text and self.fingerprints.exists()):
            plan.folder.mkdir(parents=True, exist_ok=True)
            if plan.fingerprints:
                shutil.copyfile(plan.fingerprints, self.fingerprints)
            else:
                known = base.fingerprints() if base else None
                build_fingerprints(read_tweets(plan.train_text), self.fingerprints, known)
        self._build(vocabulary, base, same_text)

    def _build(self, vocabulary: Vocabulary, base: Checkpoint | None, same_text: bool) -> None:
        settings = self.settings
        keras = import_keras()
        keras.utils.set_random_seed(settings.random_seed)
        ids = encode_file(self.plan.train_text, vocabulary)
        self.windows = Windows(ids, settings.batch_size, settings.seq_len)
        if (self.windows.batch, self.windows.seq_len) != (settings.batch_size, settings.seq_len):
            self.display.notice(
                f"the text is short: batch size {self.windows.batch} instead of {settings.batch_size}, "
                f"sequence length {self.windows.seq_len} instead of {settings.seq_len}"
            )
        self.network = build_network(len(vocabulary), settings, batch=self.windows.batch, stateful=True)
        self.optimizer = build_optimizer(settings, len(self.windows) * settings.num_epochs)
        if base:
            rng = np.random.default_rng(settings.random_seed)
            set_weights(self.network, grow_vocabulary(base.weights(), len(vocabulary), rng))
        arithmetic = choose_arithmetic(settings.precision)
        resets = settings.tweet_resets and arithmetic != "cudnn"
        newline = int(vocabulary.encode("\n")[0]) if resets else None
        self.train_window = build_train_step(self.network, self.optimizer, settings, arithmetic, newline)
        self.display.notice(f"training in {arithmetic}")
        self.last = self.plan.folder / "last"
        self.position = load_state(self.last, self.network, self.optimizer) if same_text else Position()
        if same_text and self.position.epoch >= settings.num_epochs:
            raise UsageError(
                f"this run is done, with epoch {self.position.epoch} of {settings.num_epochs}: raise --num-epochs, "
                "or train on other tweets with --from"
            )
        self._set_rate()
        self.saved_at = self.clock()

    def to_the_end(self) -> list[EpochResult]:
        if not self.position.epoch and not self.position.window:
            self._write("last", None)  # so that a run stopped in its first epoch can be resumed
        while self.position.epoch < self.settings.num_epochs:
            if not self._finish_epoch():
                self._save_state()
                break
            self._measure()
            if self._patience_is_over():
                break
        return self.position.history

    def _patience_is_over(self) -> bool:
        """Whether the last epochs brought no new best, as many as the run has patience for."""
        losses = [result.val_loss for result in self.position.history]
        since_best = len(losses) - 1 - losses.index(min(losses))
        if not self.settings.patience or since_best < self.settings.patience:
            return False
        if self.position.epoch < self.settings.num_epochs:
            self.display.notice(f"no better epoch in the last {since_best}: that is the end of --patience")
        return True

    def _set_rate(self) -> None:
        if self.settings.lr_schedule == "plateau":
            self.optimizer.learning_rate = self.settings.peak_learning_rate * self.position.rate_factor

    def _finish_epoch(self) -> bool:
        """Train the rest of the epoch; False if told to stop before its end."""
        position = self.position
        if not position.window:
            reset_states(self.network)
        while position.window < len(self.windows):
            if self.should_stop():
                return False
            self._train_one_window()
            if self.clock() - self.saved_at > SAVE_EVERY_SECONDS:
                self._save_state()
        return True

    def _train_one_window(self) -> None:
        position = self.position
        inputs, targets = self.windows[position.window]
        started = self.clock()
        loss = self.train_window(inputs, targets)
        if not loss < _DIVERGED_NATS:  # also true of NaN
            raise DivergedError(
                f"the loss became {loss} in epoch {position.epoch + 1}; {self.plan.folder / 'best'} keeps the best "
                "epoch: try a lower --learning-rate or a --clip-norm"
            )
        position.seconds += self.clock() - started
        position.loss_sum += loss * inputs.size
        position.characters += inputs.size
        position.window += 1
        self.display.step(
            Step(
                position.epoch + 1,
                self.settings.num_epochs,
                position.window,
                len(self.windows),
                position.loss_sum / position.characters,
                position.characters / max(position.seconds, 1e-9),
            )
        )

    def _measure(self) -> None:
        """End an epoch: validation loss, history, `best` if it is, `last`, a sample."""
        position = self.position
        score = self._score()
        result = EpochResult(
            epoch=position.epoch + 1,
            train_loss=position.loss_sum / position.characters,
            val_loss=score.loss_nats_per_char,
            seconds=position.seconds,
            chars_per_second=position.characters / max(position.seconds, 1e-9),
            learning_rate=float(np.asarray(self.optimizer.learning_rate)),
        )
        if not math.isfinite(result.val_loss):
            raise DivergedError(f"the validation loss became {result.val_loss}: try a lower --learning-rate")
        is_best = position.best is None or result.val_loss < position.best
        self.position = Position(
            epoch=result.epoch,
            best=result.val_loss if is_best else position.best,
            rate_factor=position.rate_factor * (1.0 if is_best else 0.5),
            history=[*position.history, result],
        )
        self._set_rate()
        if is_best:
            self._write("best", score)
        self._write("last", score)
        self.display.epoch(result, is_best, self._sample())

    def _score(self) -> Score:
        network = Network(weights_of(self.network))
        return score_tweets(network, self.facts.vocabulary, read_tweets(self.plan.validate_text))

    def _sample(self) -> str:
        drafts = write_tweets(
            Network(weights_of(self.network)),
            self.facts.vocabulary,
            [self.position.epoch],
            Sampling(top_n=20, temperature=0.7),
            self.settings.random_seed,
        )
        return next(drafts).text

    def _write(self, name: str, score: Score | None) -> None:
        def add_state(folder: Path) -> None:
            if name == "last":  # in the same move as the weights, so that no kill can part them
                save_state(folder, self.network, self.optimizer, self.position)

        folder, history = self.plan.folder / name, self.position.history
        now = datetime.now(UTC)
        write_checkpoint(folder, self.network, self.facts, history, score, self.fingerprints, now, add_state)
        self.saved_at = self.clock()

    def _save_state(self) -> None:
        save_state(self.last, self.network, self.optimizer, self.position)
        self.saved_at = self.clock()


def _resumed(plan: RunPlan, text_sha256: str) -> tuple[Checkpoint, bool, TrainSettings]:
    """The run in the folder, whether the text is still the same, and the settings to go on with."""
    last = plan.folder / "last"
    for name in ("best", "last"):
        restore_interrupted(plan.folder / name)
    if not last.is_dir():
        raise ModelError(f"{plan.folder} holds no run to resume")
    checkpoint = open_checkpoint(last)
    saved = TrainSettings.from_json(checkpoint.meta["training"])
    same_text = checkpoint.meta["corpus"]["sha256"] == text_sha256
    fixed = {*ARCHITECTURE, "vocab"} | ({"batch_size", "seq_len", "optimizer", "random_seed"} if same_text else set())
    given = {name: getattr(plan.settings, name) for name in plan.changed}
    for name in sorted(fixed & plan.changed):
        if given[name] != getattr(saved, name):
            raise UsageError(
                f"{flag(name)} {given[name]} disagrees with the run in {plan.folder}, which has {getattr(saved, name)}"
            )
    return checkpoint, same_text, replace(saved, **given)


def _with_architecture(settings: TrainSettings, base: Checkpoint, changed: frozenset[str]) -> TrainSettings:
    """The settings with the base's network; a flag that asks for another is an error."""
    network = base.meta["network"]
    for name in ARCHITECTURE:
        if name in changed and getattr(settings, name) != network[name]:
            raise UsageError(
                f"{flag(name)} {getattr(settings, name)} disagrees with the checkpoint it starts from "
                f"({base.path}), which has {network[name]}: leave it out, or use --from-scratch"
            )
    return replace(settings, **{name: network[name] for name in ARCHITECTURE})
