"""How fast tweets are written, as ratios to Keras and to this machine's own matrix product, all in one run.

usage: bench_generation.py [CHECKPOINT] [--json]
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `bot` does

import numpy as np

from model.checkpoint import open_checkpoint, pretrained_path
from model.sampler import Sampling, choose, write_tweets
from training.network import import_keras

_SAMPLING = Sampling(top_n=20, temperature=0.7)


def characters_a_second(run: Callable[[], int], repeats: int) -> float:
    """The best of some runs: other work on the machine only ever makes one slower."""
    best = 0.0
    for _ in range(repeats):
        started = time.perf_counter()
        count = run()
        best = max(best, count / (time.perf_counter() - started))
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", nargs="?", type=Path, default=pretrained_path())
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    checkpoint = open_checkpoint(arguments.checkpoint)
    network, vocabulary = checkpoint.network(), checkpoint.vocabulary
    model = import_keras().models.load_model(checkpoint.path / "model.keras")

    def ours(batch: int, count: int) -> Callable[[], int]:
        # + 1: the newline that ends each is a character written too
        return lambda: sum(
            len(draft.text) + 1 for draft in write_tweets(network, vocabulary, range(count), _SAMPLING, 1, batch=batch)
        )

    results = {f"ours, batch {b}": characters_a_second(ours(b, n), 5) for b, n in ((1, 4), (48, 96), (256, 512))}
    results["keras predict, batch 1"] = characters_a_second(_predict_loop(model, len(vocabulary)), 2)
    results["keras tf.function step, batch 1"] = characters_a_second(_compiled_loop(model), 3)
    flop = 2 * (network.units * 4 * network.units + network.units * network.vocab_size)
    results["float32 GEMM limit"] = _gemm_flops() / flop
    ratios = {
        "batch 1 / keras predict": results["ours, batch 1"] / results["keras predict, batch 1"],
        "batch 1 / keras tf.function step": results["ours, batch 1"] / results["keras tf.function step, batch 1"],
        "batch 256 / keras predict": results["ours, batch 256"] / results["keras predict, batch 1"],
        "batch 256 / GEMM limit": results["ours, batch 256"] / results["float32 GEMM limit"],
    }
    if arguments.json:
        print(json.dumps({"chars_per_second": results, "ratios": ratios}, indent=1))
        return
    for name, value in results.items():
        print(f"{name:<34}{value:>12,.0f} characters/s")
    for name, value in ratios.items():
        print(f"{name:<34}{value:>12.2f} times")


def _predict_loop(model: object, vocab_size: int, length: int = 20) -> Callable[[], int]:
    """What the seed's generate.py does: one `predict` a character, on the text so far."""

    def run() -> int:
        text = [2]
        for _ in range(length):
            probabilities = model.predict(np.array([text[-16:]]), verbose=0)[0, -1]
            logits = np.log(probabilities + 1e-9)[None].astype(np.float32)
            text.append(int(choose(logits, np.array([0.5]), _SAMPLING)[0]))
        return length

    return run


def _compiled_loop(model: object, length: int = 200) -> Callable[[], int]:
    """The best plain Keras can do a character at a time: one compiled step that keeps its state."""
    import tensorflow as tf

    embedding, lstm, dense = (model.get_layer(name) for name in ("embedding", "lstm", "dense"))

    @tf.function
    def step(ids: object, hidden: object, cell: object) -> tuple[object, list[object]]:
        output, states = lstm.cell(embedding(ids), [hidden, cell])
        return dense(output), states

    def run() -> int:
        current = np.array([2])
        states = [tf.zeros((1, lstm.units))] * 2
        for _ in range(length):
            probabilities, states = step(tf.constant(current, tf.int32), *states)
            logits = np.log(probabilities.numpy() + 1e-9)
            current = choose(logits.astype(np.float32), np.array([0.5]), _SAMPLING)
        return length

    run()
    return run


def _gemm_flops(size: int = 2048) -> float:
    a = np.random.default_rng(0).random((size, size), np.float32)
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - started)
    return 2 * size**3 / best


if __name__ == "__main__":
    main()
