"""An LSTM layer with its own gradient: the same mathematics as `keras.layers.LSTM`, in an order that suits a CPU.

What makes it fast, each found by measuring (scripts/bench_training.py):

1. Input, recurrent product and bias of one step are one matrix product, of [hidden, input, 1] with the stacked
   weights, so the inputs' share of the gates is never written to memory for all steps at once.
2. sigmoid(x) = (tanh(x / 2) + 1) / 2: the halves are folded into the weights, so one tanh serves all four gates and
   its derivative serves them on the way back.
3. The weights' gradients are one large product over all steps instead of a small one in each.
4. The products may be bfloat16, where the processor has that; gates and cell stay float32, because a cell adds up
   over many steps (and because TensorFlow's bfloat16 tanh and sigmoid are many times slower than float32).

TensorFlow is imported inside the function, so that importing this module costs nothing.
"""

from typing import Any

import numpy as np


def lstm(
    inputs: Any,
    kernel: Any,
    recurrent: Any,
    bias: Any,
    hidden: Any,
    cell: Any,
    keep: Any = None,
) -> tuple[Any, Any, Any]:
    """Run the layer over a window; differentiable in everything but `keep`.

    The steps are unrolled into the graph, so the window's length must be known when it is traced.

    Args:
        inputs: [time, batch, inputs]; their dtype, float32 or bfloat16, is that of the matrix products.
        kernel, recurrent, bias: float32, in the layout of `model.network.LstmWeights`.
        hidden, cell: the state before, float32[batch, units].
        keep: float32[time, batch, 1]; where it is 0, the state is zeroed before that step. None never zeroes.

    Returns:
        The outputs, [time, batch, units] in the inputs' dtype, and hidden and cell after the last step, float32.

    Source: Hochreiter & Schmidhuber (1997) with forget gate, gates in the order input, forget, cell, output, as in
    `keras.layers.LSTM`; the gradient is backpropagation through time, written out.
    """
    import tensorflow as tf

    dtype = inputs.dtype
    units = recurrent.shape[0]
    halved = np.full(4 * units, 0.5, np.float32)  # sigmoid gates
    halved[2 * units : 3 * units] = 1.0
    time = inputs.shape[0]

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def layer(inputs: Any, kernel: Any, recurrent: Any, bias: Any, hidden: Any, cell: Any) -> Any:
        stacked = tf.cast(tf.concat([recurrent, kernel, bias[None]], 0) * halved, dtype)
        with_one = tf.concat([inputs, tf.ones_like(inputs[:, :, :1])], -1)  # [time, batch, inputs + 1]
        steps = tf.unstack(with_one, time)
        keeps = tf.unstack(keep, time) if keep is not None else None
        hidden = tf.cast(hidden, dtype)
        starts, cells, gates, tanhs, squashed, outputs = [], [], [], [], [], []
        for t in range(time):
            if keeps:
                hidden, cell = hidden * tf.cast(keeps[t], dtype), cell * keeps[t]
            starts.append(hidden)
            cells.append(cell)
            tanh = tf.tanh(tf.cast(tf.matmul(tf.concat([hidden, steps[t]], -1), stacked), tf.float32))
            i, f, c, o = tf.split(tanh, 4, -1)
            i, f, o = 0.5 * i + 0.5, 0.5 * f + 0.5, 0.5 * o + 0.5
            cell = f * cell + i * c
            squash = tf.tanh(cell)
            hidden = tf.cast(o * squash, dtype)
            tanhs.append(tanh)
            gates.append((i, f, c, o))
            squashed.append(squash)
            outputs.append(hidden)

        def gradient(d_outputs: Any, d_hidden: Any, d_cell: Any) -> Any:
            # d(loss)/d(tanh's argument) comes without its halves, so they stand here, squared with those above.
            # The product with them also keeps TensorFlow from folding the transposition back into each small
            # matrix product, which in float32 costs a third of the speed.
            back = tf.cast(tf.transpose(recurrent) * (halved * halved)[:, None], dtype)
            d_steps = tf.unstack(d_outputs, time)
            d_hidden = tf.cast(d_hidden, dtype)
            d_tanhs = []
            for t in reversed(range(time)):
                i, f, c, o = gates[t]
                d = tf.cast(d_hidden + d_steps[t], tf.float32)
                d_cell += tf.raw_ops.TanhGrad(y=squashed[t], dy=d * o)
                d_gates = tf.concat([d_cell * c, d_cell * cells[t], d_cell * i, d * squashed[t]], -1)
                d_tanh = tf.cast(tf.raw_ops.TanhGrad(y=tanhs[t], dy=d_gates), dtype)
                d_hidden, d_cell = tf.matmul(d_tanh, back), d_cell * f
                if keeps:
                    d_hidden, d_cell = d_hidden * tf.cast(keeps[t], dtype), d_cell * keeps[t]
                d_tanhs.append(d_tanh)
            d_all = tf.concat(d_tanhs[::-1], 0)  # [time * batch, 4 * units]

            def product(values: Any) -> Any:
                flat = tf.reshape(values, (-1, values.shape[-1]))
                return tf.cast(tf.matmul(flat, d_all, transpose_a=True), tf.float32) * (halved * halved)

            d_rest = product(with_one)
            d_inputs = tf.matmul(d_all, tf.cast(tf.transpose(kernel) * (halved * halved)[:, None], dtype))
            return (
                tf.reshape(d_inputs, tf.shape(inputs)),
                d_rest[:-1],
                product(tf.stack(starts)),
                d_rest[-1],
                tf.cast(d_hidden, tf.float32),
                d_cell,
            )

        return (tf.stack(outputs), tf.cast(hidden, tf.float32), cell), gradient

    result: tuple[Any, Any, Any] = layer(inputs, kernel, recurrent, bias, hidden, cell)
    return result
