"""One training step, compiled: our own on a CPU, Keras' with cuDNN on a GPU.

Both train the variables of the same plain Keras network, which is what gets saved.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from training.lstm import lstm
from training.network import import_keras
from training.settings import TrainSettings

_BFLOAT16_FLAGS = {"avx512_bf16", "amx_bf16"}  # without one of them bfloat16 is emulated, and slow


def choose_arithmetic(precision: str, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """What the step computes in: "cudnn", "bfloat16" or "float32".

    Args:
        precision: "auto" takes the fastest this machine has; the others are taken at their word.
        cpuinfo: where Linux says what the processor can do; elsewhere float32 is taken.
    """
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return "cudnn"
    if precision != "auto":
        return precision
    try:
        flags = cpuinfo.read_text()
    except OSError:
        return "float32"
    return "bfloat16" if _BFLOAT16_FLAGS & set(flags.split()) else "float32"


def build_train_step(
    network: Any, optimizer: Any, settings: TrainSettings, arithmetic: str, newline: int | None = None
) -> Callable[[Any, Any], float]:
    """A compiled function from inputs and targets, int32[batch, time], to the mean loss in nats before the update.

    Args:
        network: stateful, from `build_network`; its LSTM states go on from window to window.
        arithmetic: from `choose_arithmetic`.
        newline: the id before which every LSTM forgets what came before; None for none. cuDNN cannot do that.
    """
    import tensorflow as tf

    optimizer.build(network.trainable_variables)
    if arithmetic == "cudnn":
        step = _keras_step(network, optimizer)
    else:
        step = _own_step(network, optimizer, settings, tf.as_dtype(arithmetic), newline)
    # one graph for each length: whole windows, and the shorter one at the end of the rows
    compiled = tf.function(step, autograph=False)
    return lambda inputs, targets: float(compiled(tf.constant(inputs), tf.constant(targets)))


def _keras_step(network: Any, optimizer: Any) -> Callable[[Any, Any], Any]:
    import tensorflow as tf

    keras = import_keras()

    def step(inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            probabilities = network(inputs, training=True)
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(targets, probabilities))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply(gradients, network.trainable_variables)
        return loss

    return step


def _own_step(
    network: Any, optimizer: Any, settings: TrainSettings, dtype: Any, newline: int | None
) -> Callable[[Any, Any], Any]:
    import tensorflow as tf

    states = [layer.states for layer in network.layers if getattr(layer, "stateful", False)]

    def step(inputs: Any, targets: Any) -> Any:
        ids = tf.transpose(inputs)  # [time, batch]
        keep = None if newline is None else tf.cast(ids != newline, tf.float32)[:, :, None]
        drop = _Dropout(settings, optimizer.iterations)
        with tf.GradientTape() as tape:
            weights = [tf.convert_to_tensor(variable.value) for variable in network.trainable_variables]
            tape.watch(weights)
            embedding, *layers, dense_kernel, dense_bias = weights
            # rows of the embedding as a product: its gradient is then a product too, not a sum by index
            one_hot = tf.one_hot(ids, embedding.shape[0], dtype=dtype)
            values = drop(one_hot @ tf.cast(embedding, dtype))  # [time, batch, embedding]
            after = []
            for i, (hidden, cell) in enumerate(states):
                kernel, recurrent, bias = layers[3 * i : 3 * i + 3]
                outputs, *state = lstm(
                    values, kernel * drop.scale, recurrent, bias, hidden.value, cell.value, keep
                )  # [time, batch, units]
                after.append(state)
                values = drop(outputs)
            flat = tf.reshape(values, (-1, values.shape[-1]))
            logits = tf.cast(flat @ tf.cast(dense_kernel * drop.scale, dtype), tf.float32) + dense_bias
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.reshape(tf.transpose(targets), [-1]), logits)
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, weights), network.trainable_variables)
        for pair, new in zip(states, after, strict=True):
            for variable, value in zip(pair, new, strict=True):
                variable.assign(value)
        return loss

    return step


class _Dropout:
    """Zeroes a share of the values; what follows multiplies its float32 weights by `scale`, to keep the mean.

    The masks follow from the seed and the number of the step, so a resumed run draws what an unbroken one would.
    One random byte decides on one value, because the random numbers of a mask in float32 cost 6 % of a step; so the
    rate is rounded to a multiple of 1/256, and the scale is that of the rounded rate.
    """

    def __init__(self, settings: TrainSettings, step: Any) -> None:
        self._dropped = max(1, round(settings.drop_rate * 256)) if settings.drop_rate else 0  # of 256
        self._dropped = min(self._dropped, 255)
        self.scale = 256 / (256 - self._dropped)
        self._seed, self._step, self._masks = settings.random_seed, step, 0

    def __call__(self, values: Any) -> Any:
        import tensorflow as tf

        if not self._dropped:
            return values
        size = values.shape.num_elements()
        self._masks += 1
        mixed = (self._seed * 64 + self._masks) % 2**31
        words = tf.random.stateless_uniform(
            (-(-size // 4),), (mixed, tf.cast(self._step, tf.int32)), minval=None, maxval=None, dtype=tf.int32
        )
        draws = tf.reshape(tf.bitcast(words, tf.uint8), [-1])[:size]
        keep = tf.reshape(draws, values.shape) >= tf.constant(self._dropped, tf.uint8)
        return tf.where(keep, values, tf.zeros([], values.dtype))
