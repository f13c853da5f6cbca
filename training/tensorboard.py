"""Curves for TensorBoard, which need not be installed where the model is trained."""

from pathlib import Path
from typing import Any

from training.export import EpochResult
from training.loop import Display, Step

_EVERY_WINDOWS = 50


class TensorBoardDisplay(Display):
    """Passes everything on to another display and writes the curves beside the run; use as a context manager."""

    def __init__(self, inner: Display, folder: Path) -> None:
        import tensorflow as tf

        self._inner = inner
        self._writer: Any = tf.summary.create_file_writer(str(folder))
        # What TensorBoard's own tf.summary.scalar adds; TensorFlow has that function only where TensorBoard is there
        plugin = tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
        self._metadata = tf.compat.v1.SummaryMetadata(plugin_data=plugin)

    def __enter__(self) -> "TensorBoardDisplay":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def notice(self, text: str) -> None:
        self._inner.notice(text)

    def step(self, step: Step) -> None:
        self._inner.step(step)
        if step.window % _EVERY_WINDOWS == 0 or step.window == step.windows:
            number = (step.epoch - 1) * step.windows + step.window
            self._write({"train/loss": step.loss, "train/chars_per_second": step.chars_per_second}, number)

    def epoch(self, result: EpochResult, is_best: bool, sample: str) -> None:
        self._inner.epoch(result, is_best, sample)
        curves = {"loss": result.train_loss, "val_loss": result.val_loss, "learning_rate": result.learning_rate}
        self._write({f"epoch/{name}": value for name, value in curves.items()}, result.epoch)
        self._writer.flush()

    def _write(self, values: dict[str, float], number: int) -> None:
        import tensorflow as tf

        with self._writer.as_default():
            for name, value in values.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step=number, metadata=self._metadata)
