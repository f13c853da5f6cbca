"""One trial in a process of its own: `python -m training.search.trial_process FOLDER`.

Its first line of input is the task, as JSON; the end of its input means that the search is gone, and ends it. On its
output it tells how it goes, one JSON line each.
"""

import json
import os
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TextIO

from config.errors import BotError, ModelError
from model.checkpoint import open_checkpoint
from training.export import EpochResult, restore_interrupted
from training.loop import Display, RunPlan, Step, train
from training.network import import_keras
from training.search.decision import is_hopeless
from training.settings import TrainSettings
from training.state import read_position
from training.tensorboard import TensorBoardDisplay

_TELL_EVERY_SECONDS = 0.5


class _Telling(Display):
    """Tells the search how the trial goes, and notes when it has become hopeless."""

    def __init__(self, out: TextIO, bounds: list[float | None], curve: list[float]) -> None:
        self._out, self._bounds, self._curve, self._told_at = out, bounds, curve, 0.0
        self.hopeless = is_hopeless(curve, bounds)

    def tell(self, **event: Any) -> None:
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

    def step(self, step: Step) -> None:
        if (now := time.monotonic()) - self._told_at > _TELL_EVERY_SECONDS:
            self._told_at = now
            share = (step.epoch - 1 + step.window / step.windows) / step.epochs
            self.tell(event="step", epoch=step.epoch, share=share, loss=step.loss)

    def epoch(self, result: EpochResult, is_best: bool, sample: str) -> None:
        self._curve.append(result.val_loss)
        self.hopeless = is_hopeless(self._curve, self._bounds)
        self.tell(event="epoch", epoch=result.epoch, val_loss=result.val_loss, sample=sample)


def main() -> None:
    """Train, and tell the result."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints is not for the search
    task = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_search, daemon=True).start()
    with suppress(OSError):  # where memory runs out, this process is to go and not the search
        Path("/proc/self/oom_score_adj").write_text("1000")
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    try:
        event = _run(Path(sys.argv[1]), task, out, stopped)
    except Exception as exc:
        traceback.print_exc()
        said = str(exc) if isinstance(exc, BotError) else f"{type(exc).__name__}: {exc}"
        event = {"event": "failed", "error": said}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out.write(json.dumps(event | {"peak_memory_mb": peak / (1e6 if sys.platform == "darwin" else 1e3)}) + "\n")
    out.flush()
    os._exit(0)  # everything is written; TensorFlow takes its time to go


def _end_with_the_search() -> None:
    # past Python's buffer, which main() reads from
    while os.read(0, 4096):
        pass
    os._exit(1)


def _run(folder: Path, task: dict[str, Any], out: TextIO, stopped: list[int]) -> dict[str, Any]:
    settings = TrainSettings.from_json(task["settings"])
    history = _history(folder)
    if len(history) < settings.num_epochs:
        import_keras()
        texts = Path(task["train_text"]), Path(task["validate_text"])
        plan = RunPlan(folder, *texts, settings, resume=bool(history), fingerprints=Path(task["fingerprints"]))
        with ExitStack() as stack:
            telling = _Telling(out, task["bounds"], [result.val_loss for result in history])
            display = stack.enter_context(TensorBoardDisplay(telling, folder / "logs"))
            telling.tell(event="ready")
            history = train(plan, display, should_stop=lambda: bool(stopped) or telling.hopeless)
    is_cut = is_hopeless([result.val_loss for result in history], task["bounds"])
    if stopped and not is_cut and len(history) < settings.num_epochs:
        return {"event": "stopped"}
    best = min(history, key=lambda result: result.val_loss)
    seconds = sum(result.seconds for result in history)
    return {
        "event": "done",
        "status": "pruned" if is_cut else "ok",
        "val_loss": best.val_loss,
        "train_loss": best.train_loss,
        "num_epochs": len(history),
        "curve": [result.val_loss for result in history],
        "epoch_seconds": seconds / len(history),
        "chars_per_second": sum(r.chars_per_second * r.seconds for r in history) / max(seconds, 1e-9),
        "parameters": open_checkpoint(folder / "best").meta["network"]["parameters"],
    }


def _history(folder: Path) -> list[EpochResult]:
    """The epochs this trial had finished when the search was stopped; what cannot be resumed is cleared away."""
    try:
        restore_interrupted(folder / "last")
        restore_interrupted(folder / "best")
        history = read_position(folder / "last").history
        if history:
            open_checkpoint(folder / "last")
            return history
    except ModelError:
        pass
    for name in ("best", "last", "logs"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return []


if __name__ == "__main__":
    main()
