"""Writes a checkpoint folder: aside first, then moved into place."""

import csv
import json
import os
import platform
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from model.checkpoint import FINGERPRINTS_FILE, FORMAT, JSON_FILE, WEIGHTS_FILE, file_sha256
from model.network import parameter_count
from model.score import Score
from model.vocabulary import Vocabulary
from training.dataset import TextFacts
from training.network import build_network, set_weights, weights_of
from training.settings import ARCHITECTURE, TrainSettings


@dataclass(frozen=True)
class EpochResult:
    """One line of history.csv; losses in nats a character, the training loss measured with dropout on."""

    epoch: int
    train_loss: float
    val_loss: float
    seconds: float
    chars_per_second: float
    learning_rate: float


@dataclass(frozen=True)
class RunFacts:
    """What a checkpoint says of the run it came from, besides its weights."""

    settings: TrainSettings
    vocabulary: Vocabulary
    text: TextFacts
    sources: list[dict[str, object]]
    base_sha256: str | None = None


def write_checkpoint(
    folder: Path,
    network: Any,
    facts: RunFacts,
    history: Sequence[EpochResult],
    score: Score | None,
    fingerprints: Path,
    now: datetime,
    add_files: Callable[[Path], None] = lambda folder: None,
) -> None:
    """Save a network with everything the bot and a reader need to know of it.

    The network is saved without optimizer and with open batch and time axes, so `keras.models.load_model` gives a
    model that takes any int[batch, time].

    Args:
        add_files: writes further files into the folder before it is moved into place.
    """
    aside = folder.with_name(folder.name + ".part")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    plain = build_network(len(facts.vocabulary), facts.settings)
    weights = weights_of(network)
    set_weights(plain, weights)
    plain.save(aside / WEIGHTS_FILE)
    shutil.copyfile(fingerprints, aside / FINGERPRINTS_FILE)
    meta = {
        "format": FORMAT,
        "created_at": now.isoformat(timespec="seconds"),
        "model_sha256": file_sha256(aside / WEIGHTS_FILE),
        "vocabulary": {
            "characters": "".join(facts.vocabulary.characters),
            "sha256": facts.vocabulary.sha256(),
        },
        "network": {name: getattr(facts.settings, name) for name in ARCHITECTURE}
        | {"parameters": parameter_count(weights)},
        "training": facts.settings.as_json()
        | {"epochs_done": history[-1].epoch if history else 0, "base_sha256": facts.base_sha256},
        "scores": {"validate": score.as_json()} if score else {},
        "corpus": {
            "sha256": facts.text.sha256,
            "tweets": facts.text.tweets,
            "characters": facts.text.characters,
            "sources": facts.sources,
        },
        "versions": library_versions(),
    }
    write_json(aside / JSON_FILE, meta)
    write_history(aside / "history.csv", history)
    if history:
        draw_loss(aside / "loss.svg", history)
    (aside / "CARD.md").write_text(card(meta), "utf-8")
    add_files(aside)
    replace_folder(aside, folder)


def replace_folder(aside: Path, folder: Path) -> None:
    """Move a finished folder into place; the old one is only deleted when the new one stands."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(aside, folder)
    shutil.rmtree(old, ignore_errors=True)


def restore_interrupted(folder: Path) -> None:
    """Undo a `replace_folder` that was cut between its two renames."""
    old = folder.with_name(folder.name + ".old")
    if old.is_dir() and not folder.exists():
        os.rename(old, folder)


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", "utf-8")


def write_history(path: Path, history: Sequence[EpochResult]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(EpochResult.__dataclass_fields__)
        for result in history:
            writer.writerow(f"{v:.6g}" if isinstance(v, float) else v for v in asdict(result).values())


def draw_loss(path: Path, history: Sequence[EpochResult]) -> None:
    """A small plot of training and validation loss."""
    figure, (axes,) = new_figure(1)
    epochs = [result.epoch for result in history]
    axes.plot(epochs, [r.train_loss for r in history], "o-", color="#9bb7d4", label="training (with dropout)")
    axes.plot(epochs, [r.val_loss for r in history], "o-", color="#1d5b94", label="validation")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss, nats a character")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    save_figure(figure, path)


def new_figure(plots: int, width: float = 6) -> tuple[Any, list[Any]]:
    """A figure with some plots side by side, whole numbers on their x axes; width in inches."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(width, 3.4), layout="constrained")
    axes = [figure.add_subplot(1, plots, i + 1) for i in range(plots)]
    for one in axes:
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as SVG, the same bytes for the same figure."""
    import matplotlib

    with matplotlib.rc_context({"svg.hashsalt": "starling"}):
        figure.savefig(path, metadata={"Date": None})


def library_versions() -> dict[str, str]:
    names = ("keras", "tensorflow", "numpy", "h5py")
    return {"python": platform.python_version()} | {name: metadata.version(name) for name in names}


def card(meta: dict[str, Any]) -> str:
    """What a person should know before they let this model write."""
    losses = "".join(
        f"- Loss on the text to {part}: {score['loss_nats_per_char']:.4f} nats a character "
        f"({score['loss_bits_per_char']:.4f} bits),\n"
        f"  perplexity {score['perplexity']:.3f}, on {score['characters']:,} characters of tweets it never saw.\n"
        for part, score in meta["scores"].items()
    )
    losses = losses or "- Loss: not measured, no epoch was finished.\n"
    sources = "\n".join(_source_line(source) for source in meta["corpus"]["sources"])
    network, corpus = meta["network"], meta["corpus"]
    return f"""# Model card

A character LSTM: {network["num_layers"]} layer(s) of {network["rnn_size"]} units, {network["parameters"]:,}
parameters, {len(meta["vocabulary"]["characters"]) + 1} characters. Trained {meta["created_at"][:10]},
{meta["training"]["epochs_done"]} epoch(s).

- Trained on {corpus["tweets"]:,} tweets, {corpus["characters"]:,} characters.
{sources}
{losses.rstrip()}

It writes in the voice of these tweets. What it says is made up, names and numbers included, and may be wrong, rude
or close to something a person really wrote: let a person read each tweet before it goes out.
"""


def _source_line(source: dict[str, Any]) -> str:
    terms = "".join(f"\n  {name}: {source[name]}" for name in ("licence", "consent") if source.get(name))
    imported = f"imported {source['imported_at'][:10]}"
    return f"- {source['file']}: {source['kept']:,} of {source['read']:,} tweets, {imported}{terms}"
