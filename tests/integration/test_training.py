"""The training loop with real networks of 8 units."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from config.errors import CorpusError, ModelError, UsageError
from model.checkpoint import open_checkpoint
from model.network import Weights
from model.score import Score, score_tweets
from model.vocabulary import ASCII98
from training import loop
from training.dataset import read_tweets
from training.export import EpochResult
from training.loop import Display, DivergedError, RunPlan, train
from training.network import build_optimizer, import_keras
from training.settings import PRESETS, TrainSettings
from training.tensorboard import TensorBoardDisplay

pytestmark = pytest.mark.slow

TINY = TrainSettings(rnn_size=8, embedding_size=4, batch_size=4, seq_len=16, num_epochs=1)
SGD = replace(TINY, optimizer="sgd", lr_schedule="constant", learning_rate=0.1, weight_decay=0.0)
FILES = {"model.keras", "checkpoint.json", "fingerprints.bin", "history.csv", "loss.svg", "CARD.md"}
BIRD = "\U0001f426"


class Notices(Display):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.notices: list[str] = []
        self.bests: list[bool] = []
        self.losses: list[float] = []

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def step(self, step) -> None:
        self.losses.append(step.loss)

    def epoch(self, result: EpochResult, is_best: bool, sample: str) -> None:
        self.bests.append(is_best)


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    """A folder with train.txt, about 20 windows of TINY, and validate.txt."""
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(21)
    words = ["rain", "river", "kite", "garden", "heron", "street", "and", "the", "waits", "sings"]
    tweets = [" ".join(rng.choice(words, 6)) + "." for _ in range(44)]
    (folder / "train.txt").write_text("\n".join(tweets[:-4]) + "\n", "utf-8")
    (folder / "validate.txt").write_text("\n".join(tweets[-4:]) + "\n", "utf-8")
    return folder


@pytest.fixture
def plan(texts, tmp_path) -> RunPlan:
    return RunPlan(tmp_path / "run", texts / "train.txt", texts / "validate.txt", TINY)


@pytest.fixture(scope="module")
def finished(texts, tmp_path_factory) -> Path:
    """The folder of a run of two epochs; only to be read."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    sources = ({"file": "rain.txt", "layout": "text", "imported_at": "2026-03-01", "read": 50, "kept": 44},)
    settings = replace(TINY, num_epochs=2)
    train(RunPlan(folder, texts / "train.txt", texts / "validate.txt", settings, sources=sources), Display())
    return folder


@pytest.fixture
def copied(finished, tmp_path) -> Path:
    """A copy of the finished run, to go on with."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def stop_after(windows: int) -> Callable[[], bool]:
    left = iter(range(windows))
    return lambda: next(left, None) is None


def arrays(weights: Weights) -> list[np.ndarray]:
    layers = [array for layer in weights.layers for array in (layer.kernel, layer.recurrent, layer.bias)]
    return [weights.embedding, *layers, weights.dense_kernel, weights.dense_bias]


def largest_difference(one: Path, other: Path) -> float:
    pairs = zip(arrays(open_checkpoint(one).weights()), arrays(open_checkpoint(other).weights()), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def meta(folder: Path) -> dict:
    return json.loads((folder / "checkpoint.json").read_text("utf-8"))


def test_run_leaves_whole_checkpoints(finished):
    assert {path.name for path in (finished / "best").iterdir()} == FILES
    assert {path.name for path in (finished / "last").iterdir()} == FILES | {"state.npz"}
    assert {path.name for path in finished.iterdir()} == {"best", "last", "fingerprints.bin"}
    assert open_checkpoint(finished / "best").weights()
    assert open_checkpoint(finished / "last").weights()


def test_checkpoint_tells_what_it_was_made_from(finished, texts):
    content = meta(finished / "last")

    assert content["network"] == {"num_layers": 1, "rnn_size": 8, "embedding_size": 4, "parameters": 1690}
    assert content["training"] == replace(TINY, num_epochs=2).as_json() | {"epochs_done": 2, "base_sha256": None}
    assert content["corpus"]["tweets"] == 40
    assert content["corpus"]["characters"] == len((texts / "train.txt").read_text("utf-8"))
    assert content["corpus"]["sources"][0]["file"] == "rain.txt"
    assert "tensorflow" in content["versions"]
    assert "rain.txt: 44 of 50 tweets" in (finished / "last" / "CARD.md").read_text("utf-8")


def test_history_has_a_line_for_each_epoch(finished):
    lines = (finished / "last" / "history.csv").read_text("utf-8").splitlines()

    assert lines[0] == "epoch,train_loss,val_loss,seconds,chars_per_second,learning_rate"
    assert [line.partition(",")[0] for line in lines[1:]] == ["1", "2"]


def test_network_learns(finished):
    lines = (finished / "last" / "history.csv").read_text("utf-8").splitlines()[1:]
    losses = [float(line.split(",")[2]) for line in lines]

    assert losses[1] < losses[0] < math.log(98)


def test_reported_loss_is_the_score_of_the_saved_file(finished, texts):
    checkpoint = open_checkpoint(finished / "best")
    score = score_tweets(checkpoint.network(), checkpoint.vocabulary, read_tweets(texts / "validate.txt"))

    reported = meta(finished / "best")["scores"]["validate"]
    assert score.loss_nats_per_char == pytest.approx(reported["loss_nats_per_char"], abs=1e-6)
    assert score.characters == reported["characters"]
    line = (finished / "best" / "history.csv").read_text("utf-8").splitlines()[-1]
    assert float(line.split(",")[2]) == pytest.approx(score.loss_nats_per_char, rel=1e-5)


@pytest.mark.parametrize("windows", [0, 7, 27], ids=["at once", "in the first epoch", "in the second"])
def test_stopped_and_resumed_run_equals_an_unbroken_one(plan, finished, windows):
    """To 1e-5 in weights and losses: optimizer, schedule, dropout and LSTM states go on where they stood."""
    two_epochs = replace(plan, settings=replace(TINY, num_epochs=2))
    done = train(two_epochs, Display(), should_stop=stop_after(windows))
    assert len(done) == windows // 20

    history = train(replace(two_epochs, resume=True), Display())

    assert [result.epoch for result in history] == [1, 2]
    assert largest_difference(plan.folder / "last", finished / "last") < 1e-5
    assert largest_difference(plan.folder / "best", finished / "best") < 1e-5
    unbroken = (finished / "last" / "history.csv").read_text("utf-8").splitlines()[1:]
    for result, line in zip(history, unbroken, strict=True):
        _, train_loss, val_loss, _, _, learning_rate = map(float, line.split(","))
        assert result.train_loss == pytest.approx(train_loss, abs=1e-5)
        assert result.val_loss == pytest.approx(val_loss, abs=1e-5)
        assert result.learning_rate == pytest.approx(learning_rate, abs=1e-7)


def test_stopped_run_is_whole_on_disk(plan):
    train(plan, Display(), should_stop=stop_after(3))

    assert not (plan.folder / "best").exists()
    assert {path.name for path in (plan.folder / "last").iterdir()} == FILES - {"loss.svg"} | {"state.npz"}
    assert meta(plan.folder / "last")["scores"] == {}


def test_run_killed_while_it_writes_the_last_epoch_can_be_resumed(plan, monkeypatch):
    """Killed after the new weights are in place and before the state that goes with them is."""
    from training import state

    calls = []

    def save_or_die(*arguments) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        state.save_state(*arguments)

    two_epochs = replace(plan, settings=replace(TINY, num_epochs=2))
    with monkeypatch.context() as patch:
        patch.setattr("training.loop.save_state", save_or_die)
        with pytest.raises(KeyboardInterrupt):
            train(two_epochs, Display())

    history = train(replace(two_epochs, resume=True), Display())

    assert [result.epoch for result in history] == [1, 2]


@pytest.mark.parametrize("name", ["best", "last"])
def test_run_killed_between_the_two_renames_can_be_resumed(plan, copied, name):
    (copied / name).rename(copied / f"{name}.old")
    more = replace(plan, resume=True, settings=replace(TINY, num_epochs=3), changed=frozenset({"num_epochs"}))

    train(more, Display(), should_stop=lambda: True)

    # stopped before its first step: nothing but the resume can have brought the folder back
    assert (copied / name / "model.keras").exists()
    assert [result.epoch for result in train(more, Display())] == [1, 2, 3]


def test_resume_with_another_network_names_the_option(plan, copied):
    with pytest.raises(UsageError, match=r"--rnn-size 16 disagrees .* has 8"):
        train(
            replace(plan, resume=True, settings=replace(TINY, rnn_size=16), changed=frozenset({"rnn_size"})),
            Display(),
        )
    assert (copied / "last" / "state.npz").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 2), ("seq_len", 8), ("optimizer", "sgd"), ("random_seed", 5), ("vocab", "ascii98")],
)
def test_resume_with_a_setting_that_cannot_change_names_the_option(plan, copied, name, value):
    wish = replace(plan, resume=True, settings=replace(TINY, **{name: value}), changed=frozenset({name}))

    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} {value} disagrees"):
        train(wish, Display())


def test_resume_keeps_settings_that_were_not_given(plan, copied):
    """Those of the run count, not the defaults of the command line."""
    wish = replace(plan, resume=True, settings=TrainSettings(num_epochs=3), changed=frozenset({"num_epochs"}))
    train(wish, Display())

    assert open_checkpoint(copied / "last").meta["training"]["rnn_size"] == 8
    assert open_checkpoint(copied / "last").meta["training"]["epochs_done"] == 3


def test_resume_of_a_finished_run_asks_for_more_epochs(plan, copied):
    with pytest.raises(UsageError, match="--num-epochs"):
        train(replace(plan, resume=True), Display())


def test_resume_with_another_learning_rate_uses_it(plan):
    train(replace(plan, settings=SGD), Display())
    wish = replace(SGD, num_epochs=2, learning_rate=1e-12)

    history = train(
        replace(plan, resume=True, settings=wish, changed=frozenset({"num_epochs", "learning_rate"})), Display()
    )

    assert history[-1].learning_rate == pytest.approx(1e-12)
    assert largest_difference(plan.folder / "last", plan.folder / "best") < 1e-6


@pytest.mark.parametrize(
    ("name", "value"), [("lr_schedule", "constant"), ("drop_rate", 0.0), ("drop_rate", 0.4), ("clip_norm", 0.0)]
)
def test_resume_with_another_setting_that_may_change_goes_on(plan, copied, name, value):
    wish = replace(TINY, num_epochs=3, **{name: value})

    history = train(replace(plan, resume=True, settings=wish, changed=frozenset({"num_epochs", name})), Display())

    assert [result.epoch for result in history] == [1, 2, 3]
    assert open_checkpoint(copied / "last").meta["training"][name] == value


def test_resumed_run_remembers_what_it_started_from(plan, finished):
    base = open_checkpoint(finished)
    tuned = replace(plan, base=base, settings=replace(TINY, num_epochs=2))
    train(tuned, Display(), should_stop=stop_after(30))
    assert meta(plan.folder / "last")["training"]["base_sha256"] == base.sha256

    train(replace(tuned, base=None, resume=True), Display())

    assert meta(plan.folder / "last")["training"]["base_sha256"] == base.sha256


def test_resume_on_another_text_says_so_and_starts_new_epochs(plan, copied, tmp_path):
    (tmp_path / "other.txt").write_text("the heron waits and sings.\n" * 40, "utf-8")
    display = Notices()
    before = open_checkpoint(copied / "last").sha256

    history = train(replace(plan, resume=True, train_text=tmp_path / "other.txt"), display)

    assert "text is another one" in display.notices[0]
    assert [result.epoch for result in history] == [1, 2]
    assert meta(copied / "last")["training"]["base_sha256"] == before


@pytest.mark.parametrize("make", [False, True], ids=["no folder", "empty folder"])
def test_nothing_to_resume_is_a_model_error(plan, make):
    if make:
        plan.folder.mkdir()

    with pytest.raises(ModelError, match="no run to resume"):
        train(replace(plan, resume=True), Display())


@pytest.mark.parametrize("size", [0, 100, -100])
def test_cut_state_is_refused_by_name(plan, copied, size):
    path = copied / "last" / "state.npz"
    path.write_bytes(path.read_bytes()[:size])
    wish = replace(plan, resume=True, settings=replace(TINY, num_epochs=3), changed=frozenset({"num_epochs"}))

    with pytest.raises(ModelError, match=r"state\.npz"):
        train(wish, Display())


def test_new_run_never_overwrites_an_old_one(plan, copied):
    before = meta(copied / "best"), meta(copied / "last")

    with pytest.raises(UsageError, match="--resume"):
        train(plan, Display())

    assert (meta(copied / "best"), meta(copied / "last")) == before


def test_worse_epoch_never_overwrites_best(plan, tmp_path):
    """The held-out text has nothing in common with the other, so each epoch makes it less likely."""
    (tmp_path / "train.txt").write_text("aaaa aaaa aaaa aaaa\n" * 40, "utf-8")
    (tmp_path / "validate.txt").write_text("ZZZZZZZZZZ\n" * 3, "utf-8")
    display = Notices()
    history = train(
        replace(
            plan, train_text=tmp_path / "train.txt", validate_text=tmp_path / "validate.txt",
            settings=replace(TINY, num_epochs=3, lr_schedule="constant", learning_rate=0.02),
        ),
        display,
    )  # fmt: skip

    assert all(worse.val_loss > better.val_loss for better, worse in pairwise(history))
    assert display.bests == [True, False, False]
    assert meta(plan.folder / "best")["training"]["epochs_done"] == 1
    assert meta(plan.folder / "last")["training"]["epochs_done"] == 3
    assert meta(plan.folder / "best")["scores"]["validate"]["loss_nats_per_char"] == history[0].val_loss


@pytest.mark.parametrize("learning_rate", [1e30, 1e38], ids=["loss is huge", "loss is no number"])
def test_diverged_run_ends_with_advice_and_keeps_best(plan, tmp_path, learning_rate):
    train(replace(plan, settings=SGD), Display())
    before = open_checkpoint(plan.folder / "best").sha256
    (tmp_path / "other.txt").write_text("the heron waits and sings.\n" * 60, "utf-8")
    wild = replace(SGD, learning_rate=learning_rate, clip_norm=0.0, num_epochs=3)
    changed = frozenset({"learning_rate", "clip_norm", "num_epochs"})

    with pytest.raises(DivergedError, match="lower --learning-rate"):
        train(replace(plan, resume=True, train_text=tmp_path / "other.txt", settings=wild, changed=changed), Display())

    assert open_checkpoint(plan.folder / "best").sha256 == before
    assert open_checkpoint(plan.folder / "best").weights()
    assert open_checkpoint(plan.folder / "last").weights()


@pytest.mark.parametrize("learning_rate", [1e30, 1e38], ids=["loss is huge", "loss is no number"])
def test_run_that_diverges_at_once_leaves_no_best(plan, learning_rate):
    wild = replace(SGD, learning_rate=learning_rate, clip_norm=0.0)

    with pytest.raises(DivergedError):
        train(replace(plan, settings=wild), Display())

    assert not (plan.folder / "best").exists()


def test_fine_tuning_grows_the_vocabulary_and_keeps_what_was_learnt(plan, finished, tmp_path):
    base = open_checkpoint(finished)
    (tmp_path / "birds.txt").write_text(f"the heron sings {BIRD}{BIRD}{BIRD}\n" * 40, "utf-8")

    train(
        replace(
            plan, base=base, train_text=tmp_path / "birds.txt",
            settings=replace(TrainSettings(), batch_size=4, seq_len=16, num_epochs=1, learning_rate=1e-9),
        ),
        Display(),
    )  # fmt: skip

    tuned = open_checkpoint(plan.folder)
    old, new = base.weights(), tuned.weights()
    assert tuned.vocabulary.characters == (*base.vocabulary.characters, BIRD)
    assert tuned.meta["network"]["rnn_size"] == 8
    assert tuned.meta["training"]["base_sha256"] == base.sha256
    np.testing.assert_allclose(new.embedding[:98], old.embedding, atol=1e-5)
    np.testing.assert_allclose(new.dense_kernel[:, :98], old.dense_kernel, atol=1e-5)
    np.testing.assert_allclose(new.dense_bias[:98], old.dense_bias, atol=1e-5)
    np.testing.assert_allclose(new.layers[0].recurrent, old.layers[0].recurrent, atol=1e-5)
    assert new.dense_bias[98] <= old.dense_bias.min() + 1e-5


def test_fine_tuned_model_also_knows_the_texts_of_its_base(plan, finished, texts, tmp_path):
    (tmp_path / "other.txt").write_text("seven slow ferries cross at noon\n" * 40, "utf-8")
    train(replace(plan, base=open_checkpoint(finished), train_text=tmp_path / "other.txt"), Display())

    fingerprints = open_checkpoint(plan.folder).fingerprints()
    assert fingerprints is not None
    assert fingerprints.overlap("seven slow ferries cross at noon").share == 1.0
    assert all(fingerprints.overlap(tweet).share == 1.0 for tweet in read_tweets(texts / "train.txt"))


def test_ascii98_does_not_grow(plan, tmp_path):
    (tmp_path / "birds.txt").write_text(f"the heron sings {BIRD}{BIRD}{BIRD}\n" * 40, "utf-8")
    train(replace(plan, train_text=tmp_path / "birds.txt", settings=replace(TINY, vocab="ascii98")), Display())

    assert open_checkpoint(plan.folder).vocabulary == ASCII98


def test_fine_tuning_with_another_network_names_the_option(plan, finished):
    wish = replace(
        plan, base=open_checkpoint(finished), settings=replace(TINY, num_layers=2), changed=frozenset({"num_layers"})
    )

    with pytest.raises(UsageError, match=r"--num-layers 2 disagrees .* has 1"):
        train(wish, Display())


def test_text_shorter_than_a_batch_trains_with_a_notice(plan, tmp_path):
    (tmp_path / "short.txt").write_text("hi\n", "utf-8")
    display = Notices()

    history = train(replace(plan, train_text=tmp_path / "short.txt"), display)

    assert len(history) == 1
    assert math.isfinite(history[0].train_loss)
    assert "the text is short" in display.notices[0]
    assert open_checkpoint(plan.folder).weights()


def test_empty_train_text_is_a_corpus_error(plan, tmp_path):
    (tmp_path / "empty.txt").write_text("\n\n", "utf-8")

    with pytest.raises(CorpusError, match=r"empty\.txt is empty"):
        train(replace(plan, train_text=tmp_path / "empty.txt"), Display())
    assert not plan.folder.exists()


@pytest.mark.parametrize("name", ["train_text", "validate_text"])
def test_missing_text_is_a_corpus_error(plan, tmp_path, name):
    with pytest.raises(CorpusError, match=r"none\.txt"):
        train(replace(plan, **{name: tmp_path / "none.txt"}), Display())
    assert not plan.folder.exists()


def test_empty_validation_text_is_refused_before_training(plan, tmp_path):
    (tmp_path / "empty.txt").write_text("", "utf-8")

    with pytest.raises(UsageError, match=r"empty\.txt is empty"):
        train(replace(plan, validate_text=tmp_path / "empty.txt"), Display())
    assert not plan.folder.exists()


def test_same_seed_gives_the_same_weights_and_another_seed_others(plan, tmp_path):
    runs = [replace(plan, folder=tmp_path / name) for name in "abc"]
    runs[2] = replace(runs[2], settings=replace(TINY, random_seed=2))
    for run in runs:
        train(run, Display())

    assert largest_difference(tmp_path / "a" / "last", tmp_path / "b" / "last") == 0
    assert largest_difference(tmp_path / "a" / "last", tmp_path / "c" / "last") > 0.01


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_seed_that_keras_cannot_take_is_a_usage_error(seed):
    with pytest.raises(UsageError, match="--random-seed"):
        replace(TINY, random_seed=seed)


def test_original_preset_is_the_optimizer_of_the_seed():
    optimizer = build_optimizer(PRESETS["original"], 100)

    assert type(optimizer).__name__ == "RMSprop"
    assert float(optimizer.learning_rate) == pytest.approx(0.001)
    assert optimizer.rho == 0.9
    assert optimizer.global_clipnorm == 5.0
    assert optimizer.clipnorm is None
    assert optimizer.clipvalue is None


@pytest.mark.parametrize("name", ["sgd", "adam", "rmsprop"])
def test_weight_decay_takes_its_share_times_the_rate_from_every_weight(name):
    settings = replace(TINY, optimizer=name, learning_rate=0.1, lr_schedule="constant", weight_decay=0.5)
    weights = import_keras().Variable(np.array([2.0, -4.0], np.float32))

    build_optimizer(settings, 100).apply([np.zeros(2, np.float32)], [weights])

    np.testing.assert_allclose(np.asarray(weights), [1.9, -3.8], rtol=1e-6)


def test_cosine_schedule_rises_to_its_peak_and_falls_to_zero():
    settings = replace(TINY, learning_rate=0.5, lr_schedule="cosine")
    schedule = build_optimizer(settings, 1000)._learning_rate
    rates = [float(schedule(i)) for i in (0, 10, 20, 510, 1000)]

    assert rates == pytest.approx([0, 0.25, 0.5, 0.25, 0], abs=1e-3)


def test_dropout_is_on_in_training_and_off_in_the_saved_file(finished):
    network = import_keras().models.load_model(finished / "best" / "model.keras")
    ids = ASCII98.encode("the river").astype(np.int32)[None]

    first, second = np.asarray(network(ids)), np.asarray(network(ids))
    dropped = np.asarray(network(ids, training=True))

    np.testing.assert_array_equal(first, second)
    assert (dropped != first).any()


def worsening(monkeypatch, losses: list[float]) -> None:
    """Makes the validation losses of the epochs to come; what they are is not the point here."""
    left = iter(losses)
    monkeypatch.setattr(loop, "score_tweets", lambda *_: Score(next(left), 100, 0))


def test_run_ends_when_its_patience_is_over(plan, monkeypatch):
    worsening(monkeypatch, [2.0, 1.0, 1.5, 1.2, 0.5])
    display = Notices()

    history = train(replace(plan, settings=replace(TINY, num_epochs=5, patience=2)), display)

    assert [result.val_loss for result in history] == [2.0, 1.0, 1.5, 1.2]
    assert any("--patience" in notice for notice in display.notices)
    assert json.loads((plan.folder / "best" / "checkpoint.json").read_text())["training"]["epochs_done"] == 2


def test_without_patience_a_run_goes_on(plan, monkeypatch):
    worsening(monkeypatch, [1.0, 2.0, 3.0, 4.0])

    assert len(train(replace(plan, settings=replace(TINY, num_epochs=4)), Display())) == 4


def test_plateau_halves_the_rate_after_an_epoch_that_was_not_the_best(plan, monkeypatch):
    """And a resumed run goes on with the halved one."""
    worsening(monkeypatch, [2.0, 3.0, 1.0, 2.0, 0.5])
    settings = replace(TINY, num_epochs=4, lr_schedule="plateau", learning_rate=0.008)
    train(replace(plan, settings=settings), Display())

    history = train(
        replace(plan, resume=True, settings=replace(settings, num_epochs=5), changed=frozenset({"num_epochs"})),
        Display(),
    )

    assert [result.learning_rate for result in history] == pytest.approx([0.008, 0.008, 0.004, 0.004, 0.002])


def test_tensorboard_gets_the_curves(plan, tmp_path):
    import tensorflow as tf
    from tensorflow.core.util import event_pb2

    with TensorBoardDisplay(Display(), tmp_path / "logs") as display:
        history = train(replace(plan, settings=replace(TINY, num_epochs=2)), display)

    values = [
        (value.tag, event.step, float(tf.make_ndarray(value.tensor)))
        for file in (tmp_path / "logs").iterdir()
        for event in (event_pb2.Event.FromString(r.numpy()) for r in tf.data.TFRecordDataset(str(file)))
        for value in event.summary.value
    ]
    found = {(tag, step): number for tag, step, number in values}
    assert found["epoch/val_loss", 2] == pytest.approx(history[1].val_loss)
    assert {"train/loss", "train/chars_per_second", "epoch/loss", "epoch/learning_rate"} <= {tag for tag, _ in found}
