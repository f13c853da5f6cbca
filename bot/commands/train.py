"""`bot train` and `bot evaluate`."""

import signal
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bot.commands.shared import stop_signals
from bot.output import notice, result, result_json
from config.errors import UsageError
from config.home import Home


def register(app: typer.Typer) -> None:
    app.command("train")(train)
    app.command("evaluate")(evaluate)


def train(
    context: typer.Context,
    checkpoint_dir: Annotated[
        Path | None, typer.Option(help="Folder of the run; by default a new dated one in this home.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder with train.txt and validate.txt; by default this home's corpus.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", "--restore", help="Go on with the run in --checkpoint-dir.")
    ] = False,
    base: Annotated[
        Path | None,
        typer.Option("--from", help="Start from this checkpoint; without --checkpoint-dir, from the live one."),
    ] = None,
    from_scratch: Annotated[bool, typer.Option("--from-scratch", help="Start from no checkpoint.")] = False,
    from_trial: Annotated[
        int | None, typer.Option(help="Defaults of the options below: those of this trial of a search.", min=1)
    ] = None,
    search: Annotated[Path | None, typer.Option(help="Folder of that search; by default this home's latest.")] = None,
    preset: Annotated[
        Literal["starling", "original"],
        typer.Option(help="Defaults of the options below: ours, or those of char-rnn-text-generation."),
    ] = "starling",
    num_layers: Annotated[int | None, typer.Option(help="LSTM layers.")] = None,
    rnn_size: Annotated[int | None, typer.Option(help="Units of each LSTM layer.")] = None,
    embedding_size: Annotated[int | None, typer.Option(help="Numbers that stand for one character.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows trained side by side.")] = None,
    seq_len: Annotated[int | None, typer.Option(help="Characters after which gradients are cut.")] = None,
    drop_rate: Annotated[float | None, typer.Option(help="Share of inputs dropped around the LSTM layers.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    lr_schedule: Annotated[
        Literal["constant", "cosine", "plateau"] | None,
        typer.Option(help="Shape of the learning rate; plateau halves it after an epoch that was not the best."),
    ] = None,
    clip_norm: Annotated[float | None, typer.Option(help="Largest norm of all gradients together; 0 is off.")] = None,
    optimizer: Annotated[
        Literal["sgd", "rmsprop", "adagrad", "adadelta", "adam"] | None, typer.Option(help="Optimizer.")
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(help="Share of the weights each step takes away, times the learning rate; 0 is off.")
    ] = None,
    num_epochs: Annotated[int | None, typer.Option(help="Passes over the text.")] = None,
    patience: Annotated[int | None, typer.Option(help="End after so many epochs without a new best; 0 is off.")] = None,
    vocab: Annotated[
        Literal["auto", "ascii98"] | None,
        typer.Option(help="auto: ASCII and the text's own frequent characters; ascii98: the seed's 98."),
    ] = None,
    tweet_resets: Annotated[
        bool | None, typer.Option(help="Forget the tweet before at the start of each (not on a GPU).")
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16"] | None,
        typer.Option(help="Of matrix products on a CPU; auto is bfloat16 where the processor has it."),
    ] = None,
    random_seed: Annotated[int | None, typer.Option(help="Of initial weights and dropout.")] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard into logs/ of the run.")
    ] = False,
) -> None:
    """Train a model on tweets. Ctrl-C saves; --resume goes on."""
    from training.loop import Display, RunPlan
    from training.loop import train as train_run
    from training.network import import_keras
    from training.progress import ProgressDisplay
    from training.settings import ARCHITECTURE, PRESETS
    from training.tensorboard import TensorBoardDisplay

    home: Home = context.obj
    options = {
        "num_layers": num_layers, "rnn_size": rnn_size, "embedding_size": embedding_size, "batch_size": batch_size,
        "seq_len": seq_len, "drop_rate": drop_rate, "learning_rate": learning_rate, "lr_schedule": lr_schedule,
        "clip_norm": clip_norm, "optimizer": optimizer, "weight_decay": weight_decay,
        "num_epochs": num_epochs, "patience": patience, "vocab": vocab,
        "tweet_resets": tweet_resets, "precision": precision, "random_seed": random_seed,
    }  # fmt: skip
    given: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if resume and (base or from_scratch):
        raise UsageError("--resume goes on with a run; --from and --from-scratch start one")
    if resume and not checkpoint_dir:
        raise UsageError("--resume needs --checkpoint-dir: which run is to go on?")
    if from_trial and resume:
        raise UsageError("--resume goes on with the settings of its run; --from-trial starts one")
    defaults = PRESETS[preset]
    if from_trial:
        from bot.commands.search import settings_of_trial

        defaults = replace(defaults, **settings_of_trial(home, search, from_trial))
    texts, sources = texts_of(home, data_dir)
    plan = RunPlan(
        folder=(checkpoint_dir or home.checkpoints / f"{datetime.now():%Y-%m-%d-%H%M%S}").absolute(),  # noqa: DTZ005 - a name for its owner, in their own time
        train_text=texts / "train.txt",
        validate_text=texts / "validate.txt",
        settings=replace(defaults, **given),
        changed=frozenset(given) | (set(ARCHITECTURE) if from_trial else set()),
        base=None if resume else _base(home, base, from_scratch, plain=checkpoint_dir is None and not from_trial),
        resume=resume,
        sources=sources,
    )
    import_keras()
    with ExitStack() as stack:
        stopped = stack.enter_context(stop_signals())
        display: Display = stack.enter_context(ProgressDisplay())
        if tensorboard:
            display = stack.enter_context(TensorBoardDisplay(display, plan.folder / "logs"))
        history = train_run(plan, display, should_stop=lambda: bool(stopped))
    if stopped:
        notice(f"stopped and saved; go on with: bot train --resume --checkpoint-dir {plan.folder}")
        if stopped[0] == signal.SIGINT:
            raise KeyboardInterrupt
        return
    best = min(history, key=lambda r: r.val_loss)
    result(f"{plan.folder}/best: validation loss {best.val_loss:.4f} nats a character, epoch {best.epoch}")
    notice(f"make it the bot's model with: bot model promote {plan.folder}")


def texts_of(home: Home, data_dir: Path | None) -> tuple[Path, list[dict[str, object]]]:
    """The folder with the texts and where they came from; this home's corpus is split anew when it has grown."""
    from training.corpus import Corpus
    from training.dataset import split_corpus

    if data_dir:
        return data_dir, []
    corpus = Corpus(home.corpus)
    if not corpus.path.exists():
        raise UsageError(f'{home.corpus} holds no tweets: run "bot data import FILE" first, or name texts of your own')
    train_text = home.split / "train.txt"
    if not train_text.exists() or train_text.stat().st_mtime < corpus.path.stat().st_mtime:
        counts = split_corpus(corpus, home.split)
        notice("split: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    return home.split, corpus.sources()


def _base(home: Home, base: Path | None, from_scratch: bool, *, plain: bool) -> Any:
    from model.checkpoint import open_checkpoint
    from model.live import live_checkpoint

    if base and from_scratch:
        raise UsageError("--from and --from-scratch exclude each other")
    if base:
        return open_checkpoint(base)
    if from_scratch or not plain:
        return None
    live = live_checkpoint(home)
    notice(f"starting from the live model, {live.name} (--from-scratch starts from none)")
    return live


def evaluate(
    context: typer.Context,
    checkpoint: Annotated[Path | None, typer.Argument(help="By default the live one.")] = None,
    text_path: Annotated[Path | None, typer.Option(help="One tweet a line; by default this home's test.txt.")] = None,
    samples: Annotated[
        int, typer.Option(help="Tweets to write and look up in the training text; 0 leaves that out.", min=0)
    ] = 200,
    top_n: Annotated[int, typer.Option(help="For those, choose among the n most likely characters.")] = 20,
    temperature: Annotated[float, typer.Option(help="For those, below 1 safer, above 1 wilder.")] = 0.7,
    random_seed: Annotated[int, typer.Option(help="For those, the same seed writes the same tweets.", min=0)] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure how well a model predicts tweets it has not seen, and how much of what it writes is copied."""
    from model.checkpoint import open_checkpoint
    from model.live import live_checkpoint
    from model.sampler import Sampling
    from model.score import copied_share, score_tweets
    from training.dataset import read_tweets

    home: Home = context.obj
    opened = open_checkpoint(checkpoint) if checkpoint else live_checkpoint(home)
    path = text_path or home.split / "test.txt"
    network, fingerprints = opened.network(), opened.fingerprints()
    score = score_tweets(network, opened.vocabulary, read_tweets(path))
    if not score.characters:
        raise UsageError(f"{path} is empty: there is nothing to measure on")
    copied = None
    if samples and fingerprints:
        sampling = Sampling(top_n, temperature)
        copied = copied_share(network, opened.vocabulary, fingerprints, samples, sampling, random_seed)
    if json:
        result_json(
            {"checkpoint": str(opened.path), "text": str(path)}
            | score.as_json()
            | {"copied": copied.as_json() if copied else None}
        )
        return
    result(f"{opened.path} on {path}")
    result(f"  {score.loss_nats_per_char:.4f} nats a character, {score.loss_bits_per_char:.4f} bits")
    result(f"  perplexity {score.perplexity:.3f}, {score.characters:,} characters, {score.unknown:,} unknown")
    if copied:
        result(
            f"  of {copied.tweets} tweets it writes, {copied.verbatim_share:.1%} stand whole in its training text; "
            f"of their four-word runs {copied.run_share:.1%}"
        )
    elif samples:
        notice("it has no fingerprints of its training text: how much it copies cannot be told")
