"""Trials kept as lines, and as the table of char-rnn-text-generation."""

import csv
from dataclasses import replace

import pytest

from config.errors import UsageError
from training.search.trials import (
    ORIGINAL_COLUMNS,
    Trial,
    append_trial,
    pareto_front,
    ranked,
    read_table,
    read_trials,
)
from training.settings import TrainSettings

SETTINGS = TrainSettings(optimizer="rmsprop", learning_rate=None, drop_rate=0.2).as_json()
OK = Trial(
    1, "ok", SETTINGS, val_loss=1.75, train_loss=1.5, num_epochs=2, curve=[1.9, 1.75], epoch_seconds=12.5,
    chars_per_second=2000.0, seconds=30.25, parameters=1000, peak_memory_mb=700.5, started="2026-03-01T00:00:00+00:00",
)  # fmt: skip
FAILED = Trial(2, "fail", SETTINGS, seconds=3.0, error="it was killed,\nperhaps")


@pytest.fixture
def folder(tmp_path):
    for trial in (OK, FAILED, replace(OK, trial_num=3, val_loss=1.5, epoch_seconds=20.0)):
        append_trial(tmp_path, trial)
    return tmp_path


def rows(folder):
    with (folder / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_trials_come_back_as_they_were(folder):
    assert read_trials(folder)[:2] == [OK, FAILED]


def test_first_columns_are_those_of_the_original(folder):
    names = (
        "rank,trial_num,val_loss,train_loss,num_epochs,avg_epoch_seconds,batch_size,drop_rate,embedding_size,"
        "num_layers,rnn_size,seq_len,optimizer,clip_norm,status,"
    )
    assert (folder / "trials.csv").read_text().startswith(names)


def test_table_is_ranked_by_loss_and_failures_come_last_without_one(folder):
    assert [(row["rank"], row["trial_num"], row["val_loss"], row["status"]) for row in rows(folder)] == [
        ("1", "3", "1.5", "ok"),
        ("2", "1", "1.75", "ok"),
        ("3", "2", "", "fail"),
    ]
    assert rows(folder)[2]["error"] == "it was killed, perhaps"


def test_table_has_our_columns_after_the_originals(folder):
    row = rows(folder)[1]

    names = ("parameters", "chars_per_second", "seconds", "peak_memory_mb", "seed", "pareto", "started")
    assert [row[name] for name in names] == ["1000", "2000", "30.25", "700.5", "1", "1", OK.started]


def test_table_reads_back(folder):
    again = {trial.trial_num: trial for trial in read_table(folder / "trials.csv")}

    assert (again[1].val_loss, again[1].epoch_seconds, again[1].parameters) == (1.75, 12.5, 1000)
    assert (again[2].status, again[2].val_loss, again[2].error) == ("fail", None, "it was killed, perhaps")
    assert {name: again[1].settings[name] for name in ("rnn_size", "drop_rate", "optimizer")} == {
        "rnn_size": 512,
        "drop_rate": 0.2,
        "optimizer": "rmsprop",
    }


def test_line_that_a_kill_cut_short_is_left_out_and_then_overwritten(folder):
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"trial_num": 4, "sta')

    assert len(read_trials(folder)) == 3
    append_trial(folder, replace(OK, trial_num=4))
    assert [trial.trial_num for trial in read_trials(folder)] == [1, 2, 3, 4]


def test_damaged_line_is_named(folder):
    lines = (folder / "trials.jsonl").read_text().splitlines()
    (folder / "trials.jsonl").write_text("\n".join([lines[0], "{", lines[2], ""]))

    with pytest.raises(UsageError, match="line 2, is damaged"):
        read_trials(folder)


def test_no_trials_yet_is_no_error(tmp_path):
    assert read_trials(tmp_path) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rank,trial_num\n1,2\n", "has no column val_loss"),
        ("", "has no column rank"),
        (",".join(ORIGINAL_COLUMNS) + "\n1,one,2" + "," * 12 + "\n", "line 2: trial_num is 'one'"),
        (",".join(ORIGINAL_COLUMNS) + "\n1,,2" + "," * 12 + "\n", "line 2: there is no trial_num"),
    ],
)
def test_file_that_is_no_table_is_one_clear_error(tmp_path, text, message):
    path = tmp_path / "trials.csv"
    path.write_text(text)

    with pytest.raises(UsageError, match=message):
        read_table(path)


def test_missing_and_binary_tables_cannot_be_read(tmp_path):
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")

    for name in ("binary.csv", "missing.csv"):
        with pytest.raises(UsageError, match="cannot be read"):
            read_table(tmp_path / name)


def test_trial_called_ok_whose_loss_is_no_number_has_failed(tmp_path):
    path = tmp_path / "trials.csv"
    path.write_text(",".join(ORIGINAL_COLUMNS) + "\n1,7,nan,nan,3,9,16,0,8,1,16,8,adam,,ok\n")

    assert [(t.status, t.val_loss) for t in read_table(path)] == [("fail", None)]


def test_front_holds_what_no_other_beats_in_both():
    def trial(number, loss, seconds, status="ok"):
        return Trial(number, status, SETTINGS, val_loss=loss, epoch_seconds=seconds)

    trials = [trial(1, 1.6, 300.0), trial(2, 1.64, 58.0), trial(3, 1.7, 60.0), trial(4, 1.9, 20.0)]
    trials += [trial(5, 1.2, 10.0, "pruned"), Trial(6, "fail", SETTINGS)]

    assert [t.trial_num for t in pareto_front(trials)] == [4, 2, 1]
    assert [t.trial_num for t in ranked(trials)] == [5, 1, 2, 3, 4, 6]
