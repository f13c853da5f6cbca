"""`bot generate`: text on stdout, as char-rnn-text-generation's generate.py, or whole tweets."""

import os
from pathlib import Path
from typing import Annotated

import typer

from bot.output import notice, result, result_json
from config.errors import CorpusError, UsageError
from config.home import Home

_SEED_LENGTHS = (2, 4, 8, 16, 32)


def register(app: typer.Typer) -> None:
    app.command("generate")(generate)


def generate(
    context: typer.Context,
    checkpoint_path: Annotated[Path | None, typer.Option(help="Checkpoint; by default the live one.")] = None,
    text_path: Annotated[
        Path | None, typer.Option(help="Begin after a random piece of this text, which is not printed.")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Begin with these characters.")] = None,
    length: Annotated[int, typer.Option(help="Characters to write.", min=1)] = 1024,
    top_n: Annotated[int, typer.Option(help="Choose among the n most likely characters.")] = 3,
    temperature: Annotated[float, typer.Option(help="Below 1 safer, above 1 wilder.")] = 1.0,
    count: Annotated[int | None, typer.Option(help="Write so many whole tweets instead, one a line.", min=1)] = None,
    random_seed: Annotated[int | None, typer.Option(help="The same seed writes the same text.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write text with a model. Nothing is filtered and nothing is stored."""
    import numpy as np

    from model.checkpoint import open_checkpoint
    from model.live import live_checkpoint
    from model.sampler import Sampling, continue_text, write_tweets

    home: Home = context.obj
    if text_path and seed is not None:
        raise UsageError("--text-path and --seed exclude each other")
    if count is None and text_path is None and seed is None:
        raise UsageError("say where to begin with --seed or --text-path, or how many whole tweets with --count")
    sampling = Sampling(top_n, temperature)
    number = int.from_bytes(os.urandom(4)) if random_seed is None else random_seed
    if number < 0:
        raise UsageError("--random-seed must be at least 0")
    checkpoint = open_checkpoint(checkpoint_path) if checkpoint_path else live_checkpoint(home)
    prefix = _piece(text_path, np.random.default_rng(number)) if text_path else seed or ""
    unknown = checkpoint.vocabulary.unknown_in(prefix)
    if unknown:
        notice(f"the model does not know {' '.join(unknown)!r}: read as unknown characters")
    network = checkpoint.network()
    if count is None:
        text = continue_text(network, checkpoint.vocabulary, prefix, length, sampling, number)
        text = text if text_path else prefix + text
        if json:
            result_json({"random_seed": number, "text": text})
        else:
            result(text)
        return
    drafts = write_tweets(network, checkpoint.vocabulary, range(count), sampling, number, prefix=prefix)
    in_order = [draft.text for draft in sorted(drafts, key=lambda draft: draft.number)]
    if json:
        result_json({"random_seed": number, "tweets": in_order})
    else:
        result("\n".join(in_order))


def _piece(path: Path, rng: "np.random.Generator") -> str:  # type: ignore[name-defined]  # noqa: F821 - imported late
    """A random piece of a text, of one of the seed's lengths or what there is."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as exc:
        raise CorpusError(f"{path} is not UTF-8") from exc
    except OSError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.strerror}") from exc
    if not text:
        raise CorpusError(f"{path} is empty")
    wanted = min(int(rng.choice(_SEED_LENGTHS)), len(text))
    start = int(rng.integers(0, len(text) - wanted + 1))
    return text[start : start + wanted]
