"""How long work shows itself: a bar on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from training.export import EpochResult
from training.loop import Display, Step

_LINE_EVERY_SECONDS = 30


class ProgressDisplay(Display):
    """Writes to stderr; use as a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  loss {task.fields[loss]:.4f}  {task.fields[speed]:,.0f} chars/s"),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            speed_estimate_period=120,
        )
        self._task = self._progress.add_task("", total=None, epoch="-", loss=float("nan"), speed=0.0)
        self._line_at = time.monotonic()

    def __enter__(self) -> "ProgressDisplay":
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def notice(self, text: str) -> None:
        self._say(text)

    def step(self, step: Step) -> None:
        done = (step.epoch - 1) * step.windows + step.window
        self._progress.update(
            self._task,
            total=step.epochs * step.windows,
            completed=done,
            epoch=f"{step.epoch}/{step.epochs}",
            loss=step.loss,
            speed=step.chars_per_second,
        )
        now = time.monotonic()
        if not self._console.is_terminal and now - self._line_at >= _LINE_EVERY_SECONDS:
            self._line_at = now
            self._say(
                f"epoch {step.epoch}/{step.epochs}  {step.window / step.windows:4.0%}  "
                f"loss {step.loss:.4f}  {step.chars_per_second:,.0f} chars/s"
            )

    def epoch(self, result: EpochResult, is_best: bool, sample: str) -> None:
        self._say(
            f"epoch {result.epoch}: loss {result.train_loss:.4f}, validation {result.val_loss:.4f} nats a character"
            f"{' (best so far)' if is_best else ''}, {result.seconds:.0f} s, {result.chars_per_second:,.0f} chars/s"
        )
        self._say(f"  sample: {sample}")

    def _say(self, text: str) -> None:
        # a tweet is never read as markup
        if self._console.is_terminal:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


@contextmanager
def download_progress() -> Iterator[Callable[[int, int | None], None]]:
    """A bar of bytes on a terminal; elsewhere nothing."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
