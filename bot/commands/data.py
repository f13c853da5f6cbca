"""`bot data`: tweets into the corpus, the corpus into train, validate and test."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.commands.shared import now, opened
from bot.output import notice, result, result_json
from config.errors import UsageError
from config.home import Home

if TYPE_CHECKING:
    from training.corpus import ImportReport

commands = typer.Typer(no_args_is_help=True, help="The tweets to learn from.")
Treatment = Literal["remove", "drop", "keep"]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="data")


@commands.command("import")
def import_files(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="Your X account export (zip or folder), or text, CSV, JSON, CIKM 2010 TSV.")
    ],
    layout: Annotated[
        Literal["export", "text", "csv", "json", "cikm", "api-v2", "api-v1"] | None,
        typer.Option("--as", help="Do not look at the content, read as this."),
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column (name, or number from 1) or JSON key that holds the text.")
    ] = None,
    urls: Annotated[Treatment, typer.Option(help="What to do with links.")] = "remove",
    mentions: Annotated[
        Treatment, typer.Option(help='What to do with @names; "remove" takes those a reply begins with.')
    ] = "remove",
    contacts: Annotated[Treatment, typer.Option(help="What to do with mail addresses and phone numbers.")] = "drop",
    retweets: Annotated[bool, typer.Option(help="Keep retweets.")] = False,
    quotes: Annotated[bool, typer.Option(help="Keep what you wrote over quoted tweets.")] = True,
    cut_texts: Annotated[bool, typer.Option(help="Keep texts that were cut and end with an ellipsis.")] = False,
    near_duplicates: Annotated[bool, typer.Option(help="Keep tweets that say nearly what another says.")] = False,
    entities: Annotated[bool, typer.Option(help="Turn HTML entities into characters.")] = True,
    encoding: Annotated[bool, typer.Option(help="Repair wrongly decoded texts.")] = True,
    nfc: Annotated[bool, typer.Option(help="Compose and fold characters that only look different.")] = True,
    spaces: Annotated[bool, typer.Option(help="One space for any run of white space.")] = True,
    licence: Annotated[str, typer.Option(help="Terms of this text, for the records and the model's card.")] = "",
    consent: Annotated[str, typer.Option(help="Whose consent there is, for the records and the model's card.")] = "",
    allow_api_content: Annotated[
        bool, typer.Option("--allow-api-content", help="Read what came through the X API; X forbids training on it.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Read tweets into this home's corpus; what is there already is not added again."""
    from training.cleaning import Cleaning
    from training.corpus import Corpus, Terms

    home: Home = context.obj
    corpus = Corpus(home.corpus)
    cleaning = Cleaning(
        urls, mentions, contacts, retweets, quotes, cut_texts, near_duplicates, entities, encoding, nfc, spaces
    )
    reports = []
    for path in files:
        report = corpus.add_file(
            path,
            now=now(),
            layout=layout,
            column=column,
            cleaning=cleaning,
            terms=Terms(licence, consent),
            allow_api_content=allow_api_content,
            progress=lambda read: notice(f"  {read:,} tweets read") if read % 50_000 == 0 else None,
        )
        reports.append(report)
        if not json:
            _show(report)
    total = corpus.count()
    if json:
        result_json({"files": [vars(report) for report in reports], "tweets": total})
    else:
        result(f"the corpus holds {total:,} tweets: {corpus.path}")


def _show(report: "ImportReport") -> None:
    result(f"{report.path} ({report.layout}): {report.read:,} read = {report.kept:,} kept")
    for reason, count in report.dropped.most_common():
        result(f"  + {count:,} dropped: {reason}")
    for step, count in report.changed.most_common():
        result(f"  {count:,} cleaned: {step}")


@commands.command("split")
def split(
    context: typer.Context,
    random_seed: Annotated[int, typer.Option(help="Another seed holds other tweets out.")] = 1,
    json: AsJson = False,
) -> None:
    """Write train.txt, validate.txt and test.txt (80, 10 and 10 %), by tweet and without overlap.

    train-80k.txt and validate-20k.txt are samples of them for a search.
    """
    from training.corpus import Corpus
    from training.dataset import split_corpus

    home: Home = context.obj
    counts = split_corpus(Corpus(home.corpus), home.split, random_seed)
    if json:
        result_json({"folder": str(home.split), "tweets": counts})
        return
    for name, count in counts.items():
        result(f"{home.split / name}.txt: {count:,} tweets")


@commands.command("forget")
def forget(
    context: typer.Context,
    tweet: Annotated[str, typer.Argument(help="X's number of the tweet, or its whole text.")],
    json: AsJson = False,
) -> None:
    """Remove one tweet from the corpus and its split for good, and whatever repeats it from the queue."""
    from bot.queue import reject_repetitions
    from training.corpus import Corpus
    from training.dataset import forget_in_split

    home: Home = context.obj
    corpus = Corpus(home.corpus)
    text = corpus.forget(tweet) if corpus.path.exists() else None
    if text is None:
        raise UsageError(f"the corpus holds no tweet {tweet}")
    split_files = forget_in_split(home.split, text)
    rejected: list[int] = []
    if home.database.exists():
        with opened(home) as bot:
            rejected = reject_repetitions(bot.database, bot.account.id, text, now())
    if json:
        result_json({"text": text, "files": split_files, "rejected": rejected})
        return
    result(f"forgotten: {text}")
    result(f"taken out of: {', '.join(['the corpus', *split_files])}")
    result(f"rejected in the queue: {', '.join(map(str, rejected)) or 'none repeats it'}")
    notice('models trained on it still know it: "bot train" makes one that starts from them without it')


@commands.command("stats")
def stats(context: typer.Context, json: AsJson = False) -> None:
    """Show how long the tweets are, of which characters, and where they came from."""
    from training.corpus import Corpus
    from training.statistics import LENGTH_STEP, corpus_statistics

    home: Home = context.obj
    corpus = Corpus(home.corpus)
    if not corpus.count():
        raise UsageError(f'{home.corpus} holds no tweets: run "bot data import FILE" first')
    found = corpus_statistics(text for _, text in corpus.tweets())
    sources = corpus.sources()
    if json:
        result_json(found.as_json() | {"sources": sources})
        return
    quantiles = ", ".join(f"{name.replace('_', ' ')} {length}" for name, length in found.lengths.items())
    result(f"{found.tweets:,} tweets, {found.characters:,} characters; lengths: {quantiles}")
    most = max(found.histogram.values())
    for start, count in found.histogram.items():
        bar = "█" * max(1, round(40 * count / most))
        result(f"  {start:>4}-{start + LENGTH_STEP - 1:<4} {count:>8,}  {bar}")
    result(f"{found.distinct_characters:,} different characters; a model of this would know {found.vocabulary - 1:,}")
    # some only join others, or are blank: those by their number
    common = "  ".join(f"{c if c.isprintable() else f'U+{ord(c):04X}'} ({n})" for c, n in found.uncovered[:12])
    result(
        f"  not covered: {found.uncovered_share:.3%} of all characters, in {found.uncovered_tweets:,} tweets"
        + (f"; commonest: {common}" if common else "")
    )
    for source in sources:
        terms = "; ".join(f"{name}: {source[name]}" for name in ("licence", "consent") if source[name])
        result(
            f"from {source['file']} ({source['layout']}, {str(source['imported_at'])[:16]}): "
            f"{source['kept']:,} of {source['read']:,} tweets{_period(source)}{'; ' + terms if terms else ''}"
        )


def _period(source: dict[str, object]) -> str:
    oldest, newest = (str(source[name])[:10] if source[name] else "" for name in ("oldest", "newest"))
    return f", {oldest} to {newest}" if oldest else ""


@commands.command("download")
def download(
    context: typer.Context,
    url: Annotated[
        str | None, typer.Option(help="Another file than the CIKM 2010 set; it is fetched and left as it is.")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="What it must be; else what was recorded the first time.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where to; by default downloads/ in this home's corpus.")] = None,
    json: AsJson = False,
) -> None:
    """Fetch the CIKM 2010 tweets; Ctrl-C keeps what came, and the same command goes on with it."""
    from training.download import CIKM_FILES, CIKM_URL, unpack
    from training.download import download as fetch
    from training.progress import download_progress

    home: Home = context.obj
    place = folder or home.corpus / "downloads"
    with download_progress() as progress:
        path = fetch(url or CIKM_URL, place, sha256=sha256, progress=progress)
    files = [path] if url else list(unpack(path, CIKM_FILES, place))
    digest = path.with_name(f"{path.name}.sha256").read_text().split()[0]
    if json:
        result_json({"file": str(path), "sha256": digest, "files": [str(file) for file in files]})
        return
    result(f"{path}: SHA-256 {digest}")
    for file in files:
        notice(f"read it with: bot data import {file}")
