"""Makes a trained checkpoint small enough to ship: 11 bits of mantissa instead of 24, compressed.

The weights stay float32, so Keras loads the file as it is; only the bits that make no difference are zero, and
zeros compress. The scores are measured again, on the packed weights, on both held-out texts.

usage: pack_default_model.py CHECKPOINT SPLIT_FOLDER OUT
"""

import io
import shutil
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np

from model.checkpoint import FINGERPRINTS_FILE, JSON_FILE, WEIGHTS_FILE, file_sha256, open_checkpoint
from model.score import score_tweets
from training.dataset import read_tweets
from training.export import card, write_json

_DROPPED_BITS = 13  # of float32's 23 stored ones: float16's precision with float32's range

_ABOUT = """
## Where it comes from

Tweets of 800 official accounts of the US Government (members of Congress, the White House, the President), 2010 to
2022, works of officers and employees made as part of their duties and so in the public domain in the USA (17 USC 105,
101). Left out: the account NASA, tweets that mention somebody, retweets, links. `scripts/train_default_model` makes
this model again.

The voice is political. Names of living people and places occur in what it writes; its sentences are made up, and
nobody said them. It is here so that a new bot shows tweets in its first minute, and as a start to train your own
tweets on. Posting what it writes is refused unless `allow_pretrained = true`.
"""


def main() -> None:
    source, split, out = (Path(argument) for argument in sys.argv[1:4])
    checkpoint = open_checkpoint(source)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    _pack(checkpoint.path / WEIGHTS_FILE, out / WEIGHTS_FILE)
    for name in (FINGERPRINTS_FILE, "history.csv", "loss.svg"):
        shutil.copyfile(checkpoint.path / name, out / name)
    meta = checkpoint.meta
    meta["model_sha256"] = file_sha256(out / WEIGHTS_FILE)
    for origin in meta["corpus"]["sources"]:
        origin["file"] = Path(str(origin["file"])).name
    write_json(out / JSON_FILE, meta)
    packed = open_checkpoint(out)
    network = packed.network()
    for part in ("validate", "test"):
        meta["scores"][part] = score_tweets(network, packed.vocabulary, read_tweets(split / f"{part}.txt")).as_json()
        print(f"{part}: {meta['scores'][part]['loss_nats_per_char']:.4f} nats a character")
    write_json(out / JSON_FILE, meta)
    (out / "CARD.md").write_text(card(meta) + _ABOUT, "utf-8")
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{out}: {size / 1e6:.2f} MB")


def _pack(source: Path, target: Path) -> None:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, _rounded(data) if name.endswith(".h5") else data)


def _rounded(stored: bytes) -> bytes:
    """The same HDF5 file, its weights rounded, each array shuffled by byte so that zeros lie together, and zipped."""
    packed = io.BytesIO()
    with h5py.File(io.BytesIO(stored), "r") as old, h5py.File(packed, "w") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Group):
                twin = new.require_group(name)
            elif item.dtype == np.float32 and item.ndim:
                twin = new.create_dataset(name, data=_round_bits(item[...]), compression=9, shuffle=True)
            else:
                twin = new.create_dataset(name, data=item[...])
            twin.attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)
    return packed.getvalue()


def _round_bits(values: np.ndarray) -> np.ndarray:
    bits = np.ascontiguousarray(values).view(np.uint32)
    half = np.uint32(1 << (_DROPPED_BITS - 1))
    return ((bits + half) & ~np.uint32((1 << _DROPPED_BITS) - 1)).view(np.float32)


if __name__ == "__main__":
    main()
