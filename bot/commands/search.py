"""`bot search`: try settings, then decide for one."""

import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot.commands.shared import stop_signals
from bot.output import notice, result, result_json, table
from config.errors import ModelError, UsageError
from config.home import Home

if TYPE_CHECKING:
    from training.search.decision import Limits, Recommendation
    from training.search.experiment import SearchPlan
    from training.search.space import Space
    from training.search.trials import Trial

commands = typer.Typer(help="Search for the settings that train best, and decide for one.")

_FILE_KEYS = {
    "num_trials": int,
    "max_epochs_per_trial": int,
    "train_text_path": str,
    "val_text_path": str,
    "experiment_path": str,
    "algo": str,
    "preset": str,
    "random_seed": int,
    "parallel": int,
    "spark": str,
    "prune": bool,
    "timeout": str,
    "trial_timeout": str,
    "trial_memory": int,
    "space": dict,
}
_WORDS = {int: "a whole number", str: "a text", bool: "true or false", dict: "a table"}
_Path = Annotated[Path | None, typer.Argument(help="Folder of an experiment; by default the latest in this home.")]
_Within = Annotated[
    float, typer.Option(help="Share of the best loss by which a cheaper trial's may be higher.", min=0.0)
]
_MaxSeconds = Annotated[float | None, typer.Option(help="Only trials with at most so many seconds an epoch.")]
_MaxMegabytes = Annotated[float | None, typer.Option(help="Only trials whose weights take at most so many MB.")]


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="search")


@commands.callback(invoke_without_command=True)
def search(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="TOML file: any of these options, with _ for -, and a table named space.")
    ] = None,
    num_trials: Annotated[int | None, typer.Option(help="Trials in all; 40 if not given.", min=1)] = None,
    max_epochs_per_trial: Annotated[int | None, typer.Option(help="Epochs; 10 if not given.", min=1)] = None,
    train_text_path: Annotated[
        Path | None, typer.Option(help="One tweet a line; by default this home's train-80k.txt.")
    ] = None,
    val_text_path: Annotated[
        Path | None, typer.Option(help="One tweet a line; by default this home's validate-20k.txt.")
    ] = None,
    experiment_path: Annotated[
        Path | None, typer.Option(help="Folder for the trials; the same one again goes on with them.")
    ] = None,
    space: Annotated[
        list[str] | None,
        typer.Option(help='NAME=VALUE in TOML, for example "seq_len=[16, 32]" or "drop_rate={uniform=[0, 0.3]}".'),
    ] = None,
    algo: Annotated[
        Literal["tpe", "rand"] | None, typer.Option(help="Who suggests: TPE learns from the trials before.")
    ] = None,
    preset: Annotated[
        Literal["starling", "original"] | None,
        typer.Option(help="Settings outside the space; original if no space is given, else starling."),
    ] = None,
    random_seed: Annotated[int | None, typer.Option(help="The same seed suggests the same trials.", min=0)] = None,
    parallel: Annotated[int | None, typer.Option(help="Trials at a time on this machine.", min=1)] = None,
    spark: Annotated[
        str | None, typer.Option(metavar="MASTER", help="Run the trials on this Spark cluster, --parallel at a time.")
    ] = None,
    prune: Annotated[
        bool | None, typer.Option("--prune/--no-prune", help="Cut trials worse than the median of the finished ones.")
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="Stop after so long, for example 90m; go on later.")] = None,
    trial_timeout: Annotated[str | None, typer.Option(help="End a trial that takes longer, for example 20m.")] = None,
    trial_memory: Annotated[int | None, typer.Option(help="End a trial that takes more MB of memory.", min=1)] = None,
) -> None:
    """Try settings one after another, and recommend one. Ctrl-C saves; the same command goes on."""
    if context.invoked_subcommand:
        return
    from training.search.decision import Limits
    from training.search.display import SearchProgress
    from training.search.running import search as run_search
    from training.search.spark import search_on_spark
    from training.search.trials import read_trials

    options = {
        "num_trials": num_trials, "max_epochs_per_trial": max_epochs_per_trial, "train_text_path": train_text_path,
        "val_text_path": val_text_path, "experiment_path": experiment_path, "algo": algo, "preset": preset,
        "random_seed": random_seed, "parallel": parallel, "spark": spark, "prune": prune, "timeout": timeout,
        "trial_timeout": trial_timeout, "trial_memory": trial_memory,
    }  # fmt: skip
    values = _read_config(config) if config else {}
    values |= {name: value for name, value in options.items() if value is not None}
    if space:
        values["space"] = values.get("space", {}) | _parse_assignments(space)
    plan = _plan(context.obj, values)
    had = read_trials(plan.folder)
    if had:
        notice(f"{plan.folder}: {len(had)} of {plan.num_trials} trials are there")
    with (
        stop_signals() as stopped,
        SearchProgress(plan.space, plan.num_trials, plan.parallel, had) as display,
    ):
        if master := values.get("spark"):
            trials = search_on_spark(plan, master, display, should_stop=lambda: bool(stopped))
        else:
            trials = run_search(plan, display, should_stop=lambda: bool(stopped))
    if len(trials) < plan.num_trials:
        notice(f"{plan.num_trials - len(trials)} trials are left; the same command goes on with them")
    if trials:
        _report(plan.folder, trials, plan.space, Limits(), plan.folder)
    if stopped:
        raise KeyboardInterrupt


def _read_config(path: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as exc:
        raise UsageError(f"{path} cannot be read: {exc}") from exc
    for name, value in values.items():
        if name not in _FILE_KEYS:
            raise UsageError(f"{path}: there is no key {name}; the keys are {', '.join(_FILE_KEYS)}")
        if type(value) is not _FILE_KEYS[name]:
            raise UsageError(f"{path}: {name} must be {_WORDS[_FILE_KEYS[name]]}, not {value!r}")
    for name in ("num_trials", "max_epochs_per_trial", "parallel", "trial_memory"):
        if values.get(name, 1) < 1:
            raise UsageError(f"{path}: {name} must be at least 1")
    return values


def _parse_assignments(pairs: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            found |= {name.strip(): tomllib.loads(f"value = {value}")["value"]} if equals else {}
        except ValueError as exc:
            raise UsageError(f"--space {pair}: the value is no TOML: {exc}") from exc
        if not equals:
            raise UsageError(f"--space {pair}: write NAME=VALUE")
    return found


def _plan(home: Home, values: dict[str, Any]) -> "SearchPlan":
    from bot.commands.train import texts_of
    from bot.schedule import parse_duration
    from training.search.experiment import SearchPlan
    from training.search.space import DEFAULT_SPACE, parse_space
    from training.search.suggestion import ALGORITHMS
    from training.settings import PRESETS

    has_space = "space" in values
    preset = values.get("preset", "starling" if has_space else "original")
    for name, value, known in (("preset", preset, PRESETS), ("algo", values.get("algo", "tpe"), ALGORITHMS)):
        if value not in known:
            raise UsageError(f"{name}: {value} is none of {', '.join(known)}")
    num_trials, epochs = values.get("num_trials", 40), values.get("max_epochs_per_trial", 10)
    base = replace(PRESETS[preset], num_epochs=epochs, random_seed=values.get("random_seed", 1))
    durations = {
        name: parse_duration(values[name]) if values.get(name) else None for name in ("timeout", "trial_timeout")
    }
    space = parse_space(values["space"] if has_space else DEFAULT_SPACE, base)
    if not {"train_text_path", "val_text_path"} <= values.keys():
        folder, _ = texts_of(home, None)
        values = {"train_text_path": folder / "train-80k.txt", "val_text_path": folder / "validate-20k.txt"} | values
    return SearchPlan(
        folder=Path(values.get("experiment_path", home.searches / f"{num_trials}-trials-{epochs}-epochs")).absolute(),
        train_text=Path(values["train_text_path"]),
        validate_text=Path(values["val_text_path"]),
        space=space,
        num_trials=num_trials,
        max_epochs=epochs,
        algorithm=values.get("algo", "tpe"),
        random_seed=values.get("random_seed", 1),
        prune=values.get("prune", True),
        trial_memory_mb=values.get("trial_memory"),
        parallel=values.get("parallel", 1),
        **durations,
    )


@commands.command("report")
def report(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(help="An experiment's folder or a trials.csv; by default this home's latest.")
    ] = None,
    within: _Within = 0.025,
    max_seconds: _MaxSeconds = None,
    max_megabytes: _MaxMegabytes = None,
    output_dir: Annotated[
        Path | None, typer.Option(help="Folder for report.svg and report.html; by default the experiment's.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document; draw only into --output-dir.")] = False,
) -> None:
    """Recommend one trial of a search, say why, and draw them all."""
    from training.search.decision import Limits, edges, recommend
    from training.search.trials import pareto_front, ranked

    folder, trials, space = _read_search(context.obj, path)
    limits = Limits(within, max_seconds, max_megabytes)
    if not json:
        _report(folder, trials, space, limits, output_dir or (folder if folder.is_dir() else Path.cwd()))
        return
    chosen = recommend(trials, limits)
    if output_dir:
        _draw(folder, trials, space, chosen, output_dir)
    result_json(
        {
            "search": str(folder),
            "recommended": chosen
            and {"trial_num": chosen.trial.trial_num, "reason": chosen.reason}
            | {"settings": chosen.trial.settings, "val_loss": chosen.trial.val_loss},
            "warnings": edges(trials, space),
            "pareto": [trial.trial_num for trial in pareto_front(trials)],
            "trials": [trial.as_json() for trial in ranked(trials)],
        }
    )


@commands.command("promote")
def promote(
    context: typer.Context,
    path: _Path = None,
    trial: Annotated[int | None, typer.Option(help="This trial; by default the recommended one.")] = None,
    within: _Within = 0.025,
    max_seconds: _MaxSeconds = None,
    max_megabytes: _MaxMegabytes = None,
    text_path: Annotated[
        Path | None, typer.Option(help="Held-out tweets to compare on; by default this home's test.txt.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Also a worse one.")] = False,
) -> None:
    """Write with the recommended trial's checkpoint, if it is at least as good as the live one."""
    from bot.commands.model import promote_checkpoint
    from training.search.decision import Limits, recommend
    from training.search.experiment import trial_folder

    folder, trials, _ = _read_search(context.obj, path)
    if trial is not None:
        chosen = _chosen(trials, trial)
    elif recommendation := recommend(trials, Limits(within, max_seconds, max_megabytes)):
        chosen = recommendation.trial
    else:
        raise ModelError("no trial of this search has finished within the limits")
    if not folder.is_dir():
        raise UsageError(f"{folder} is a table; the checkpoints are in the folder of the experiment")
    notice(f"trial {chosen.trial_num}: validation loss {chosen.val_loss:.4f} nats a character")
    promote_checkpoint(context.obj, trial_folder(folder, chosen.trial_num), text_path, force=force)


def _chosen(trials: Sequence["Trial"], number: int) -> "Trial":
    found = next((t for t in trials if t.trial_num == number), None)
    if found is None or found.val_loss is None:
        raise UsageError(f"this search has no trial {number} with a result")
    return found


def settings_of_trial(home: Home, path: Path | None, number: int) -> dict[str, Any]:
    """The settings of a trial, for `bot train --from-trial`."""
    _, trials, _ = _read_search(home, path)
    return _chosen(trials, number).settings


def _read_search(home: Home, path: Path | None) -> tuple[Path, list["Trial"], "Space | None"]:
    """The experiment or table, its trials, and what was searched, if that is known."""
    from training.search.experiment import PLAN_FILE, read_space
    from training.search.trials import TABLE_FILE, read_table, read_trials

    if path is None:
        found = sorted(home.searches.glob(f"*/{PLAN_FILE}"), key=lambda p: p.stat().st_mtime)
        if not found:
            raise UsageError(f'{home.searches} holds no search: run "bot search" first, or name one')
        path = found[-1].parent
    if path.is_dir() and (path / PLAN_FILE).exists():
        trials, space = read_trials(path), read_space(path)
    else:
        table_path = path / TABLE_FILE if path.is_dir() else path
        path, trials, space = table_path, read_table(table_path), None
    if not trials:
        raise UsageError(f"{path} holds no finished trial yet")
    return path, trials, space


def _report(folder: Path, trials: Sequence["Trial"], space: "Space | None", limits: "Limits", output_dir: Path) -> None:
    from training.search.decision import edges, recommend
    from training.search.report import table_of, text_of

    chosen = recommend(trials, limits)
    header, rows = table_of(trials)
    result(table([[text_of(value) for value in row] for row in rows], header))
    for warning in edges(trials, space):
        notice(f"note: {warning}")
    page = _draw(folder, trials, space, chosen, output_dir)
    result(f"report: {page}")
    if chosen is None:
        result("recommended: none, as no trial has finished within the limits")
        return
    result(f"recommended: trial {chosen.trial.trial_num}: {chosen.reason}")
    if folder.is_dir():
        notice(f"use its checkpoint: bot search promote {folder}")
        notice(f"train it on everything: bot train --from-trial {chosen.trial.trial_num} --search {folder}")


def _draw(
    folder: Path,
    trials: Sequence["Trial"],
    space: "Space | None",
    chosen: "Recommendation | None",
    output_dir: Path,
) -> Path:
    from training.search.decision import edges
    from training.search.report import draw_trials, write_page

    picture, page = output_dir / "report.svg", output_dir / "report.html"
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        draw_trials(picture, trials, chosen)
        write_page(page, picture.read_text("utf-8"), trials, chosen, edges(trials, space), f"Search {folder.name}")
    except OSError as exc:
        raise UsageError(
            f"the report cannot be written to {output_dir} ({exc.strerror}): name an --output-dir"
        ) from exc
    return page
