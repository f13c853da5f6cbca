"""One line on stderr, a fixed exit code, and nothing lost: what goes wrong in a person's hands."""

import os
import shutil
import sqlite3
import sys

import pytest
from command import BOT, bot, run

from model.checkpoint import pretrained_path

pytestmark = pytest.mark.slow


def assert_refused(done, code, *parts):
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == code, done.stderr
    assert len(lines) == 1
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in lines[0]


@pytest.fixture
def corpus_files(tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    (tmp_path / "latin1.txt").write_bytes("caf\xe9 in the morning\n".encode("latin-1"))
    return tmp_path


@pytest.mark.parametrize(
    ("name", "part"),
    [("empty.txt", "is empty"), ("latin1.txt", "not UTF-8"), ("missing.txt", "not exist"), (".", "holds no tweets")],
)
def test_an_unusable_corpus_file_is_refused_and_the_corpus_stays(corpus_files, name, part):
    done = bot(corpus_files / "home", "data", "import", corpus_files / name)

    assert_refused(done, 2, part)
    corpus = corpus_files / "home" / "corpus" / "corpus.sqlite3"
    if corpus.exists():
        with sqlite3.connect(corpus) as connection:
            assert connection.execute("SELECT count(*) FROM tweets").fetchone() == (0,)


def test_training_without_a_corpus_says_how_to_get_one(tmp_path):
    assert_refused(bot(tmp_path, "train"), 2, "bot data import")


@pytest.mark.parametrize("text", [b"", b"\xff\xfe broken \xe9\n"])
def test_training_on_an_unusable_text_is_refused_and_leaves_no_run(tmp_path, text):
    (tmp_path / "train.txt").write_bytes(text)
    (tmp_path / "validate.txt").write_text("a tweet\n")

    done = bot(tmp_path, "train", "--data-dir", tmp_path, "--checkpoint-dir", tmp_path / "run")

    assert_refused(done, 2, "train.txt")
    assert not (tmp_path / "run" / "best").exists()


def damaged(tmp_path, damage):
    folder = tmp_path / "checkpoint"
    shutil.copytree(pretrained_path(), folder)
    damage(folder)
    return folder


def cut(folder):
    path = folder / "model.keras"
    path.write_bytes(path.read_bytes()[:1000])


def change_vocabulary(folder):
    path = folder / "checkpoint.json"
    path.write_text(path.read_text("utf-8").replace("abcdefg", "abcdegf"), "utf-8")


def cut_description(folder):
    path = folder / "checkpoint.json"
    path.write_bytes(path.read_bytes()[:100])


def remove_weights(folder):
    (folder / "model.keras").unlink()


@pytest.mark.parametrize("damage", [cut, change_vocabulary, cut_description, remove_weights, shutil.rmtree])
def test_a_damaged_checkpoint_is_named_and_refused(tmp_path, damage):
    folder = damaged(tmp_path, damage)

    done = bot(tmp_path, "generate", "--checkpoint-path", folder, "--count", "1")

    assert_refused(done, 21, str(folder))


@pytest.mark.parametrize(
    ("toml", "parts"),
    [
        ("[schedule]\ncrons = []\n", ["crons", 'did you mean "cron"']),
        ('[schedule]\ncron = ["0 25 * * *"]\n', ["0 25 * * *"]),
        ('[schedule]\ncron = ["0 9 * *"]\n', ["expected 5 fields"]),
        ('[schedule]\ncron = ["0 9 * * 8"]\n', ["weekday"]),
        ('[schedule]\ntimezone = "Mars/Base"\n', ["Mars/Base"]),
        ('[posting]\nlive = "perhaps"\n', ["live"]),
        ("this is not toml", ["not valid TOML"]),
    ],
)
def test_bad_settings_are_named(tmp_path, toml, parts):
    (tmp_path / "bot.toml").write_text(toml)

    done = bot(tmp_path, "run", "--dry-run", "--posts", "1")

    assert_refused(done, 20, *parts)


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--every", "5s"],
        ["run", "--dry-run", "--every", "soon"],
        ["run", "--dry-run", "--every", "0s"],
        ["generate", "--top-n", "0", "--count", "1"],
        ["generate"],
        ["generate", "--seed", "a", "--text-path", "b"],
        ["resolve", "1"],
        ["queue", "show", "999"],
        ["no-such-command"],
    ],
)
def test_wrong_usage_exits_with_2(tmp_path, arguments):
    assert_refused(bot(tmp_path, *arguments), 2)


def test_a_database_of_a_newer_program_is_refused(tmp_path):
    assert bot(tmp_path, "status").returncode == 0
    with sqlite3.connect(tmp_path / "bot.sqlite3") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    assert_refused(bot(tmp_path, "status"), 26, "9999")


def test_a_full_disk_stops_with_a_clear_word_and_the_database_stays_whole(tmp_path):
    """A limit on the size of files stands in for the disk: the kernel refuses the write just the same."""
    assert bot(tmp_path, "queue", "fill", "--count", "1").returncode == 0
    database = tmp_path / "bot.sqlite3"
    before = database.read_bytes()
    limit = "import resource, signal, sys, os; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    limit += f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before)},) * 2); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", limit, BOT, "--home", tmp_path, "queue", "fill", "--count", "200"]

    assert_refused(run(*command), 1, "bot.sqlite3")
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert bot(tmp_path, "status").returncode == 0


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
def test_a_read_only_home_is_refused(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    home.chmod(0o555)
    for folder in tmp_path.parents:
        if folder.owner() == "root" and folder.stat().st_mode & 0o005 != 0o005 and os.geteuid() == 0:
            folder.chmod(0o755)
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []

    assert_refused(run(*drop, BOT, "--home", home, "run", "--dry-run", "--posts", "1"), 1, str(home))
