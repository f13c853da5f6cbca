"""A checkpoint folder opens whole or is refused by the name of the file that is wrong."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from config.errors import ModelError
from model.checkpoint import (
    FINGERPRINTS_FILE,
    FORMAT,
    JSON_FILE,
    WEIGHTS_FILE,
    file_sha256,
    open_checkpoint,
    read_weights,
)
from model.sampler import Sampling, continue_text
from model.vocabulary import ASCII98, Vocabulary

VOCAB, EMBEDDING, UNITS = 7, 3, 2
SHAPES = {
    "embedding/vars/0": (VOCAB, EMBEDDING),
    "lstm/cell/vars/0": (EMBEDDING, 4 * UNITS),
    "lstm/cell/vars/1": (UNITS, 4 * UNITS),
    "lstm/cell/vars/2": (4 * UNITS,),
    "dense/vars/0": (UNITS, VOCAB),
    "dense/vars/1": (VOCAB,),
}


@pytest.fixture
def folder(tiny_checkpoint, tmp_path) -> Path:
    """A copy of a real checkpoint, to be damaged."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "mine"))


@pytest.fixture
def keras_file(tmp_path):
    """Writes arrays where Keras writes them and gives the path."""

    def write(arrays: dict[str, np.ndarray]) -> Path:
        stored = io.BytesIO()
        with h5py.File(stored, "w") as file:
            file.create_group("layers")
            for name, array in arrays.items():
                file[f"layers/{name}"] = array
        path = tmp_path / "made.keras"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", "{}")
            archive.writestr("model.weights.h5", stored.getvalue())
        return path

    return write


def numbered_arrays() -> dict[str, np.ndarray]:
    return {name: np.full(shape, i, np.float32) for i, (name, shape) in enumerate(SHAPES.items())}


def change_meta(folder: Path, **values: object) -> None:
    path = folder / JSON_FILE
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def refusal(path: Path, named: str) -> str:
    with pytest.raises(ModelError) as caught:
        open_checkpoint(path).weights()
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_checkpoint_writes_text_as_it_is(tiny_checkpoint):
    checkpoint = open_checkpoint(tiny_checkpoint)

    text = continue_text(checkpoint.network(), checkpoint.vocabulary, "the ", 50, Sampling(), random_seed=1)

    assert len(text) == 50
    assert checkpoint.vocabulary == ASCII98
    assert checkpoint.sha256 == file_sha256(tiny_checkpoint / WEIGHTS_FILE)


def test_checkpoint_opens_by_folder_run_and_file(tiny_checkpoint):
    paths = [tiny_checkpoint, tiny_checkpoint.parent, tiny_checkpoint / WEIGHTS_FILE]

    assert [open_checkpoint(path).path for path in paths] == [tiny_checkpoint] * 3


def test_best_and_last_are_named_after_their_run(tiny_checkpoint, folder):
    assert open_checkpoint(tiny_checkpoint).name == "run"
    assert open_checkpoint(tiny_checkpoint.parent / "last").name == "run"
    assert open_checkpoint(folder).name == "mine"


def test_checkpoint_knows_the_runs_of_its_training_text(tiny_checkpoint):
    tweet = (tiny_checkpoint.parent.parent / "train.txt").read_text("utf-8").splitlines()[0]
    fingerprints = open_checkpoint(tiny_checkpoint).fingerprints()

    assert fingerprints is not None
    assert fingerprints.overlap(tweet).share == 1.0


def test_checkpoint_without_fingerprints_says_so(folder):
    (folder / FINGERPRINTS_FILE).unlink()

    assert open_checkpoint(folder).fingerprints() is None


def test_cut_fingerprints_are_refused_by_name(folder):
    path = folder / FINGERPRINTS_FILE
    path.write_bytes(path.read_bytes()[:-1])

    with pytest.raises(ModelError, match=FINGERPRINTS_FILE):
        open_checkpoint(folder).fingerprints()


def test_missing_checkpoint_says_what_to_do(tmp_path):
    assert "bot train" in refusal(tmp_path / "none", "none")
    refusal(tmp_path / "none" / WEIGHTS_FILE, "none")


def test_empty_folder_is_no_checkpoint(tmp_path):
    refusal(tmp_path, JSON_FILE)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, JSON_FILE])
def test_missing_file_is_named(folder, name):
    (folder / name).unlink()

    refusal(folder, name)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, JSON_FILE])
def test_folder_in_place_of_a_file_is_refused_by_name(folder, name):
    (folder / name).unlink()
    (folder / name).mkdir()

    refusal(folder, name)


@pytest.mark.parametrize("name", [WEIGHTS_FILE, JSON_FILE])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_cut_file_is_refused_by_name(folder, name, share):
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])

    refusal(folder, name)


def test_one_flipped_bit_of_the_weights_is_noticed(folder):
    path = folder / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    assert "not the file that was saved" in refusal(folder, WEIGHTS_FILE)


def test_newer_format_asks_for_an_upgrade(folder):
    change_meta(folder, format=FORMAT + 1)

    assert "upgrade" in refusal(folder, JSON_FILE)


def test_unknown_entry_of_the_same_format_is_left_alone(folder):
    change_meta(folder, something_new={"a": 1})

    assert open_checkpoint(folder).weights()


def test_changed_vocabulary_is_refused(folder):
    vocabulary = json.loads((folder / JSON_FILE).read_text("utf-8"))["vocabulary"]
    characters = vocabulary["characters"]
    change_meta(folder, vocabulary=vocabulary | {"characters": characters[::-1]})

    assert "vocabulary was changed" in refusal(folder, JSON_FILE)


def test_vocabulary_of_another_network_is_refused(folder):
    """Consistent in itself, but with a character more than the weights have rows."""
    other = Vocabulary((*ASCII98.characters, "\u00e9"))
    change_meta(folder, vocabulary={"characters": "".join(other.characters), "sha256": other.sha256()})

    assert "(98, 4)" in refusal(folder, WEIGHTS_FILE)


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"format": "one"}',
        b'{"format": 1}',
        b'{"format": 1, "vocabulary": null, "model_sha256": ""}',
        b'{"format": 1, "vocabulary": {"characters": null, "sha256": ""}, "model_sha256": ""}',
        b'{"format": 1, "vocabulary": {"characters": [1, 2], "sha256": ""}, "model_sha256": ""}',
        b'{"format": 1, "vocabulary": {"characters": "\\ud800", "sha256": ""}, "model_sha256": ""}',
        b'{"format": 1, "vocabulary": {"characters": "ab", "sha256": ""}}',
        b"\xff\xfe{",
    ],
    ids=lambda content: content[:75].decode("latin-1"),
)
def test_description_that_is_none_is_refused_by_name(folder, content):
    (folder / JSON_FILE).write_bytes(content)

    refusal(folder, JSON_FILE)


def test_weights_are_read_by_name(keras_file):
    weights = read_weights(keras_file(numbered_arrays()), VOCAB)
    layer = weights.layers[0]
    read = [weights.embedding, layer.kernel, layer.recurrent, layer.bias, weights.dense_kernel, weights.dense_bias]

    assert [array.shape for array in read] == list(SHAPES.values())
    assert [float(array.flat[0]) for array in read] == [0, 1, 2, 3, 4, 5]
    assert {array.dtype for array in read} == {np.dtype(np.float32)}


def test_layers_are_read_in_order_also_beyond_ten(keras_file):
    """`lstm_10` comes after `lstm_9`, although not in the alphabet."""
    arrays = numbered_arrays()
    for i in range(1, 12):
        arrays[f"lstm_{i}/cell/vars/0"] = np.zeros((UNITS, 4 * UNITS))
        arrays[f"lstm_{i}/cell/vars/1"] = np.zeros((UNITS, 4 * UNITS))
        arrays[f"lstm_{i}/cell/vars/2"] = np.full(4 * UNITS, i)

    weights = read_weights(keras_file(arrays), VOCAB)

    assert [float(layer.bias[0]) for layer in weights.layers] == [3, *range(1, 12)]


@pytest.mark.parametrize("name", SHAPES)
def test_wrong_shape_is_refused_with_both_shapes(keras_file, name):
    shape = (SHAPES[name][0] + 1, *SHAPES[name][1:])
    path = keras_file(numbered_arrays() | {name: np.zeros(shape)})

    with pytest.raises(ModelError, match=r"made\.keras.*shape \(\d+.* need \(\d+"):
        read_weights(path, VOCAB)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("shape", [(), (3,), (2, 2, 2)], ids=str)
def test_wrong_number_of_axes_is_refused(keras_file, name, shape):
    path = keras_file(numbered_arrays() | {name: np.zeros(shape)})

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(path, VOCAB)


@pytest.mark.parametrize("name", SHAPES)
def test_missing_array_is_refused(keras_file, name):
    arrays = numbered_arrays()
    del arrays[name]

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(keras_file(arrays), VOCAB)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(keras_file, number):
    arrays = numbered_arrays()
    arrays["dense/vars/0"][1, 1] = number

    with pytest.raises(ModelError, match="dense kernel holds numbers that are not finite"):
        read_weights(keras_file(arrays), VOCAB)


def test_network_without_lstm_is_refused(keras_file):
    arrays = {name: array for name, array in numbered_arrays().items() if not name.startswith("lstm")}

    with pytest.raises(ModelError, match="has no LSTM layer"):
        read_weights(keras_file(arrays), VOCAB)


def test_text_in_place_of_an_array_is_refused(keras_file):
    path = keras_file(numbered_arrays() | {"dense/vars/1": np.array([b"seven"] * VOCAB)})

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(path, VOCAB)


def test_group_in_place_of_an_array_is_refused(keras_file):
    arrays = numbered_arrays()
    arrays["dense/vars/0/inner"] = arrays.pop("dense/vars/0")

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(keras_file(arrays), VOCAB)


def test_array_in_place_of_the_layers_is_refused(tmp_path):
    stored = io.BytesIO()
    with h5py.File(stored, "w") as file:
        file["layers"] = np.zeros(3)
    with zipfile.ZipFile(tmp_path / "made.keras", "w") as archive:
        archive.writestr("model.weights.h5", stored.getvalue())

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(tmp_path / "made.keras", VOCAB)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 100])
def test_file_that_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "made.keras").write_bytes(content)

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(tmp_path / "made.keras", VOCAB)


def test_zip_without_weights_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "made.keras", "w") as archive:
        archive.writestr("config.json", "{}")

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(tmp_path / "made.keras", VOCAB)


def test_zip_with_damaged_weights_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "made.keras", "w") as archive:
        archive.writestr("model.weights.h5", b"\x89HDF\r\n\x1a\n" + b"\x00" * 500)

    with pytest.raises(ModelError, match=r"made\.keras"):
        read_weights(tmp_path / "made.keras", VOCAB)


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_damage_anywhere_in_the_zip_is_a_model_error_or_harmless(keras_file, tmp_path, compression):
    """500 single damaged bytes; whatever the zip reader makes of them, no other error comes out."""
    with zipfile.ZipFile(keras_file(numbered_arrays())) as archive:
        stored = archive.read("model.weights.h5")
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as archive:
        archive.writestr("model.weights.h5", stored)
    content = whole.getvalue()
    rng = np.random.default_rng(12)
    ends = [*range(60), *range(len(content) - 120, len(content))]  # the zip's own headers
    path = tmp_path / "damaged.keras"
    refused = 0
    for place in [*ends, *rng.integers(0, len(content), 320).tolist()]:
        damaged = bytearray(content)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            read_weights(path, VOCAB)
        except ModelError as exc:
            refused += 1
            assert str(path) in str(exc)  # noqa: PT017 - some damage is harmless, so nothing need be raised
    assert refused > 250
