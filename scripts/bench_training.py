"""How many characters a second one training step takes in: ours, Keras' own LSTM, PyTorch's, and the machine's limit.

usage: bench_training.py [--batch-size 128] [--seq-len 64] [--rounds 3]

Each is measured in a process of its own, in turn, and the best of all rounds counts: on a shared machine whatever else
runs can only slow a step down. PyTorch is measured where `import torch` works; it is no dependency. The limit is that
of the machine's float32 matrix products alone, at the 7.4 MFLOP a character that a step needs.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

VOCAB = 115
UNITS, EMBEDDING = 512, 64
DROP_RATE = 0.1
STEPS = 12
# forward 2 (E·4U + U·4U + U·V), and twice that backward
FLOP = 6 * (EMBEDDING * 4 * UNITS + UNITS * 4 * UNITS + UNITS * VOCAB)
OURS = ("ours bfloat16", "ours float32")
TORCH = ("pytorch bfloat16", "pytorch float32")
NAMES = ("GEMM limit float32", *OURS, "keras LSTM float32", *TORCH)


def best_seconds(step: Callable[[], object], steps: int = STEPS) -> float:
    step()
    step()
    seconds = []
    for _ in range(steps):
        started = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def gemm(batch: int, seq_len: int) -> float:
    a, b = (np.random.default_rng(i).random((2048, 2048), np.float32) for i in range(2))
    return 2 * 2048**3 / best_seconds(lambda: a @ b) / FLOP


def keras_step(batch: int, seq_len: int, arithmetic: str) -> float:
    from training.network import build_network, build_optimizer, import_keras
    from training.settings import TrainSettings
    from training.step import build_train_step

    import_keras()
    settings = TrainSettings(batch_size=batch, seq_len=seq_len, drop_rate=DROP_RATE)
    network = build_network(VOCAB, settings, batch=batch, stateful=True)
    # "cudnn" is Keras' own step; without a GPU that is its plain LSTM
    step = build_train_step(network, build_optimizer(settings, 1000), settings, arithmetic)
    ids = np.random.default_rng(1).integers(0, VOCAB, (batch, seq_len)).astype(np.int32)
    return batch * seq_len / best_seconds(lambda: step(ids, ids))


def torch_step(batch: int, seq_len: int, dtype_name: str) -> float:
    import torch

    dtype = getattr(torch, dtype_name)
    embedding, dense = torch.nn.Embedding(VOCAB, EMBEDDING), torch.nn.Linear(UNITS, VOCAB)
    layer, dropout = torch.nn.LSTM(EMBEDDING, UNITS, batch_first=True), torch.nn.Dropout(DROP_RATE)
    network = torch.nn.ModuleList([embedding, layer, dense, dropout]).to(dtype)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    ids = torch.randint(0, VOCAB, (batch, seq_len))
    state = [torch.zeros(1, batch, UNITS, dtype=dtype) for _ in range(2)]

    def step() -> float:
        outputs, after = layer(dropout(embedding(ids)), tuple(state))
        logits = dense(dropout(outputs)).float().flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, ids.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        state[:] = [part.detach() for part in after]
        return float(loss)

    return batch * seq_len / best_seconds(step)


def measure(name: str, batch: int, seq_len: int) -> float:
    kind, _, dtype = name.rpartition(" ")
    if kind == "GEMM limit":
        return gemm(batch, seq_len)
    if kind == "pytorch":
        return torch_step(batch, seq_len, dtype)
    return keras_step(batch, seq_len, dtype if kind == "ours" else "cudnn")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seq-len", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", choices=NAMES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(measure(arguments.one, arguments.batch_size, arguments.seq_len))
        return
    best: dict[str, float] = {}
    for _ in range(arguments.rounds):
        for name in NAMES:
            sizes = ["--batch-size", str(arguments.batch_size), "--seq-len", str(arguments.seq_len)]
            done = subprocess.run(
                [sys.executable, __file__, "--one", name, *sizes], capture_output=True, text=True, check=False
            )
            if done.returncode == 0:
                best[name] = max(best.get(name, 0.0), float(done.stdout.split()[-1]))
            elif "No module named 'torch'" not in done.stderr:
                raise SystemExit(done.stderr)
    for name, speed in best.items():
        print(f"{name:32} {speed:10,.0f} characters/s")
    ours = max(best[name] for name in OURS)
    print(f"{'ours / keras LSTM':32} {ours / best['keras LSTM float32']:10.2f} times")
    if torch := [best[name] for name in TORCH if name in best]:
        print(f"{'ours / the better pytorch':32} {ours / max(torch):10.2f} times")
        print(f"{'ours / pytorch, both float32':32} {best['ours float32'] / best['pytorch float32']:10.2f} times")
    print(f"{'ours / float32 GEMM limit':32} {ours / best['GEMM limit float32']:10.2f}")


if __name__ == "__main__":
    main()
