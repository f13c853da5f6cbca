"""A search on one page: a picture of its trials, and a table of them."""

import html
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.export import new_figure, save_figure
from training.search.decision import Recommendation, megabytes
from training.search.trials import SETTINGS_IN_ORIGINAL, Trial, pareto_front, ranked

_SHADES = {"ok": "#9bb7d4", "pruned": "#d9c39a"}
_SHOWN = 0.8  # share of the losses that must fit on the axis
_STRONG, _FRONT = "#c0392b", "#1d5b94"


def draw_trials(path: Path, trials: Sequence[Trial], chosen: Recommendation | None) -> None:
    """Loss by epoch of every trial, where it is known, and loss against seconds an epoch with the Pareto front."""
    curves = [t for t in trials if t.curve]
    figure, axes = new_figure(2 if curves else 1, width=10 if curves else 6)
    if curves:
        _draw_curves(axes[0], curves, chosen)
    _draw_costs(axes[-1], trials, chosen)
    save_figure(figure, path)


def _draw_curves(axes: Any, trials: Sequence[Trial], chosen: Recommendation | None) -> None:
    for trial in trials:
        is_chosen = chosen is not None and trial.trial_num == chosen.trial.trial_num
        axes.plot(
            range(1, len(trial.curve) + 1),
            trial.curve,
            ".-",
            color=_STRONG if is_chosen else _SHADES.get(trial.status, "#bbbbbb"),
            zorder=3 if is_chosen else 2,
            linewidth=2 if is_chosen else 1,
        )
    axes.set_xlabel("epoch")
    _finish(axes, [loss for trial in trials for loss in trial.curve])


def _draw_costs(axes: Any, trials: Sequence[Trial], chosen: Recommendation | None) -> None:
    known = [t for t in trials if t.val_loss is not None and t.epoch_seconds]
    for status, color in _SHADES.items():
        some = [t for t in known if t.status == status]
        if not some:
            continue
        axes.plot([t.epoch_seconds for t in some], [t.val_loss for t in some], "o", color=color, label=status)
    front = pareto_front(trials)
    axes.step(
        [t.epoch_seconds for t in front], [t.val_loss for t in front], where="post", color=_FRONT, label="Pareto front"
    )
    if chosen and chosen.trial.epoch_seconds:
        at = (chosen.trial.epoch_seconds, chosen.trial.val_loss)
        axes.plot(*at, "o", markersize=12, fillstyle="none", color=_STRONG, label="recommended")
        axes.annotate(f"trial {chosen.trial.trial_num}", at, (8, 8), textcoords="offset points", color=_STRONG)
    axes.set_xlabel("seconds an epoch")
    axes.legend(frameon=False)
    _finish(axes, [t.val_loss for t in known if t.val_loss is not None])


def _finish(axes: Any, losses: list[float]) -> None:
    """Labels, and an axis on which the good losses can be told apart, however high the worst are."""
    axes.set_ylabel("validation loss, nats a character")
    axes.grid(alpha=0.3)
    low, high = np.min(losses), np.quantile(losses, _SHOWN)
    top = high + 0.1 * (high - low)
    if hidden := sum(loss > top for loss in losses):
        axes.set_ylim(low - 0.05 * (top - low), top)
        axes.set_title(f"{hidden} higher one{'s' if hidden > 1 else ''} not shown", fontsize=9, loc="right")


def write_page(
    path: Path, svg: str, trials: Sequence[Trial], chosen: Recommendation | None, warnings: Sequence[str], title: str
) -> None:
    """The picture, the decision and the table as one HTML file that loads nothing else."""
    header, rows = table_of(trials)
    head = "".join(f'<th aria-sort="none"><button type="button">{html.escape(name)}</button></th>' for name in header)
    body = "".join(_row(row, trial, chosen) for row, trial in zip(rows, ranked(trials), strict=True))
    decision = f"Trial {chosen.trial.trial_num}: {chosen.reason}." if chosen else "No trial keeps the limits."
    notes = "".join(f"<li>{html.escape(warning)}.</li>" for warning in warnings)
    picture = svg[svg.index("<svg") :]
    path.write_text(
        _PAGE.format(
            title=html.escape(title),
            decision=html.escape(decision),
            notes=f"<ul>{notes}</ul>" if notes else "",
            picture=picture,
            head=head,
            body=body,
            script=_SORTING,
        ),
        "utf-8",
    )


def _row(row: Sequence[Any], trial: Trial, chosen: Recommendation | None) -> str:
    mark = ' class="chosen"' if chosen and trial.trial_num == chosen.trial.trial_num else ""
    cells = "".join(f"<td>{html.escape(text_of(value))}</td>" for value in row)
    return f"<tr{mark}>{cells}</tr>\n"


def table_of(trials: Sequence[Trial]) -> tuple[list[str], list[list[Any]]]:
    """Column names and rows, best loss first; settings that are everywhere the same are left out."""
    order = ranked(trials)
    names = [*SETTINGS_IN_ORIGINAL, "learning_rate", "lr_schedule", "weight_decay"]
    varied = [name for name in names if len({json.dumps(t.settings.get(name)) for t in order}) > 1]
    front = {t.trial_num for t in pareto_front(trials)}
    header = ["rank", "trial", "loss", "seconds an epoch", "epochs", "MB", *varied, "status", "front", "error"]
    rows = [
        [rank, t.trial_num, t.val_loss, t.epoch_seconds, t.num_epochs, round(megabytes(t), 2)]
        + [t.settings.get(name) for name in varied]
        + [t.status, "front" if t.trial_num in front else "", t.error]
        for rank, t in enumerate(order, 1)
    ]
    return header, rows


def text_of(value: Any) -> str:
    """A cell as people read it."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222; }}
svg {{ max-width: 100%; height: auto; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.875rem; }}
td, th {{ padding: 0.2rem 0.6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }}
th button {{ all: unset; cursor: pointer; font-weight: 600; }}
th button:focus-visible {{ outline: 2px solid #1d5b94; }}
th[aria-sort=ascending] button::after {{ content: " \\2191"; }}
th[aria-sort=descending] button::after {{ content: " \\2193"; }}
.chosen {{ background: #fbe9e7; font-weight: 600; }}
</style>
<h1>{title}</h1>
<p>{decision}</p>
{notes}
{picture}
<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>
{body}</tbody></table></div>
<script>{script}</script>
</html>
"""

_SORTING = """
for (const head of document.querySelectorAll("th")) head.onclick = () => {
  const column = head.cellIndex, down = head.ariaSort === "ascending", body = document.querySelector("tbody");
  const key = row => {
    const text = row.cells[column].textContent;
    return text === "" ? null : isNaN(text) ? text : +text;
  };
  const rows = [...body.rows].sort((one, other) => {
    const a = key(one), b = key(other);
    if (a === null || b === null) return (a === null) - (b === null);
    return (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
  });
  for (const other of head.parentElement.cells) other.ariaSort = "none";
  head.ariaSort = down ? "descending" : "ascending";
  body.append(...rows);
};
"""
