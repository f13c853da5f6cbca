"""`bot data`: tweets into the corpus, the corpus into train, validate and test."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.output import notice, result, result_json
from config.home import Home

commands = typer.Typer(no_args_is_help=True, help="The tweets to learn from.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="data")


@commands.command("import")
def import_files(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="Text with one tweet a line, or a CIKM 2010 TSV file.")],
    layout: Annotated[Literal["text", "cikm"] | None, typer.Option("--as", help="Do not look, read as this.")] = None,
    urls: Annotated[Literal["remove", "drop", "keep"], typer.Option(help="What to do with links.")] = "remove",
    mentions: Annotated[
        Literal["remove", "drop", "keep"],
        typer.Option(help='What to do with @names; "remove" takes those a reply begins with.'),
    ] = "remove",
    retweets: Annotated[bool, typer.Option("--retweets", help="Keep retweets.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Read tweets into this home's corpus; what is there already is not added again."""
    from training.corpus import Cleaning, Corpus

    home: Home = context.obj
    corpus = Corpus(home.corpus)
    cleaning = Cleaning(urls=urls, mentions=mentions, retweets=retweets)
    reports = []
    for path in files:
        report = corpus.add_file(
            path,
            now=datetime.now(UTC),
            layout=layout,
            cleaning=cleaning,
            progress=lambda read: notice(f"  {read:,} tweets read") if read % 50_000 == 0 else None,
        )
        reports.append(report)
        if json:
            continue
        result(f"{path} ({report.layout}): {report.read:,} read = {report.kept:,} kept")
        for reason, count in report.dropped.most_common():
            result(f"  + {count:,} dropped: {reason}")
        for step, count in report.changed.most_common():
            if count:
                result(f"  {count:,} cleaned: {step}")
    total = corpus.count()
    if json:
        result_json({"files": [vars(report) for report in reports], "tweets": total})
    else:
        result(f"the corpus holds {total:,} tweets: {corpus.path}")


@commands.command("split")
def split(
    context: typer.Context,
    random_seed: Annotated[int, typer.Option(help="Another seed holds other tweets out.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Write train.txt, validate.txt and test.txt (80, 10 and 10 %), by tweet and without overlap."""
    from training.corpus import Corpus
    from training.dataset import split_corpus

    home: Home = context.obj
    counts = split_corpus(Corpus(home.corpus), home.split, random_seed)
    if json:
        result_json({"folder": str(home.split), "tweets": counts})
        return
    for name, count in counts.items():
        result(f"{home.split / name}.txt: {count:,} tweets")
