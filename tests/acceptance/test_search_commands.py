"""`bot search` as a person uses it: from a file, stopped, reported, promoted, trained."""

import json
import re
import signal
import subprocess

import numpy as np
import pytest
from command import BOT, bot

pytestmark = pytest.mark.slow

SEARCH_FILE = """
num_trials = 2
max_epochs_per_trial = 1
random_seed = 3
[space]
rnn_size = [4, 8]
embedding_size = 4
batch_size = 4
seq_len = 16
"""
TABLE = (
    "rank,trial_num,val_loss,train_loss,num_epochs,avg_epoch_seconds,batch_size,drop_rate,embedding_size,num_layers,"
    "rnn_size,seq_len,optimizer,clip_norm,status\n"
    "1,31,1.6059,1.55,12,307,32,0.06,32,2,512,128,adam,,ok\n"
    "2,41,1.6404,1.6,14,58,128,0.05,64,1,512,32,rmsprop,5,ok\n"
    "3,14,3.49,3.5,8,142,32,0.14,16,1,128,256,sgd,,ok\n"
)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(31)
    tweets = [" ".join(rng.choice(["rain", "river", "kite", "heron", "sings"], 6)) + "." for _ in range(48)]
    (folder / "train.txt").write_text("\n".join(tweets[:40]) + "\n", "utf-8")
    (folder / "validate.txt").write_text("\n".join(tweets[40:]) + "\n", "utf-8")
    (folder / "search.toml").write_text(
        f'train_text_path = "{folder}/train.txt"\nval_text_path = "{folder}/validate.txt"\n{SEARCH_FILE}'
    )
    return folder


@pytest.fixture(scope="module")
def searched(texts, tmp_path_factory):
    """A home with a finished search of two trials; its own place for it."""
    home = tmp_path_factory.mktemp("searched")
    done = bot(home, "search", "--config", texts / "search.toml")
    assert done.returncode == 0, done.stderr
    assert "recommended: trial" in done.stdout
    assert "trial 2/2: rnn_size" in done.stderr
    return home


def test_search_lies_in_the_home_and_has_a_report(searched):
    folder = searched / "searches" / "2-trials-1-epochs"

    assert {path.name for path in folder.iterdir()} >= {
        "1", "2", "search.json", "trials.csv", "trials.jsonl", "report.svg", "report.html",
    }  # fmt: skip
    page = (folder / "report.html").read_text()
    assert "<svg" in page
    assert not re.search(r"<link|<img|<iframe|@import|src=|url\((?!#)", page)


def test_same_command_does_nothing_more(searched, texts):
    done = bot(searched, "search", "--config", texts / "search.toml")

    assert done.returncode == 0
    assert "2 of 2 trials are there" in done.stderr
    assert "trial 1/2" not in done.stderr


def test_report_as_json_names_the_recommended_trial(searched):
    document = json.loads(bot(searched, "search", "report", "--json").stdout)

    assert document["recommended"]["trial_num"] in (1, 2)
    assert document["recommended"]["reason"]
    assert len(document["trials"]) == 2
    assert document["warnings"]


def test_recommended_checkpoint_goes_through_the_gate(searched, texts):
    refused = bot(searched, "search", "promote", "--text-path", texts / "validate.txt")
    forced = bot(searched, "search", "promote", "--text-path", texts / "validate.txt", "--trial", "2", "--force")

    assert refused.returncode in (0, 1)
    assert "bits a character" in refused.stderr
    assert forced.returncode == 0, forced.stderr
    assert forced.stdout.strip().endswith("2/best")
    assert json.loads((searched / "checkpoints" / "live.json").read_text())["path"].endswith("2/best")


def test_trial_is_trained_on_all_data(searched, texts, tmp_path):
    arguments = ["--data-dir", texts, "--checkpoint-dir", tmp_path / "run", "--num-epochs", "2"]
    done = bot(searched, "train", "--from-trial", "1", *arguments)

    assert done.returncode == 0, done.stderr
    trained = json.loads((tmp_path / "run" / "best" / "checkpoint.json").read_text())["training"]
    task = json.loads((searched / "searches" / "2-trials-1-epochs" / "1" / "trial.json").read_text())["settings"]
    assert {k: trained[k] for k in task} == task | {"num_epochs": 2}


def test_published_table_is_reported_where_one_stands(tmp_path):
    (tmp_path / "table.csv").write_text(TABLE)

    done = bot(tmp_path / "home", "search", "report", tmp_path / "table.csv", cwd=tmp_path)
    document = json.loads(bot(tmp_path / "home", "search", "report", tmp_path / "table.csv", "--json").stdout)

    assert "recommended: trial 41" in done.stdout
    assert document["recommended"]["trial_num"] == 41
    assert (tmp_path / "report.html").exists()


def test_ctrl_c_saves_and_says_so(texts, tmp_path):
    command = [BOT, "--home", tmp_path, "search", "--config", texts / "search.toml", "--num-trials", "50"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "trial 2/50" in line:
            process.send_signal(signal.SIGINT)
            break
    _, rest = process.communicate(timeout=120)

    assert process.returncode == 130
    assert "trials are left; the same command goes on with them" in rest


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "seqlen=[1]"], "space.seqlen: no such setting; is it seq_len?"),
        (["--space", "seq_len=[16"], "the value is no TOML"),
        (["--space", "seq_len"], "write NAME=VALUE"),
        (["--space", "seq_len=16"], "every setting is a constant"),
        (["--timeout", "soon"], "is no duration"),
        (["--config", "missing.toml"], "missing.toml cannot be read"),
        ([], 'run "bot data import FILE" first'),
        (["report"], "holds no search"),
        (["report", "nothing.csv"], "nothing.csv cannot be read"),
        (["promote"], "holds no search"),
    ],
)
def test_bad_input_is_one_line(tmp_path, arguments, message):
    done = bot(tmp_path / "home", "search", *arguments, cwd=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trials = 3", "there is no key trials; the keys are num_trials"),
        ('num_trials = "3"', "num_trials must be a whole number, not '3'"),
        ("num_trials = 0", "num_trials must be at least 1"),
        ('algo = "anneal"', "algo: anneal is none of tpe, rand"),
        ('preset = "mine"', "preset: mine is none of starling, original"),
        ("num_trials = ", "cannot be read"),
    ],
)
def test_bad_search_file_names_the_key(tmp_path, text, message):
    (tmp_path / "search.toml").write_text(text)

    done = bot(tmp_path / "home", "search", "--config", tmp_path / "search.toml")

    assert done.returncode == 2
    assert message in done.stderr
