"""A person at the terminal: real keys on a real pseudo-terminal."""

import os
import pty
import sqlite3
import subprocess

import pytest
from command import BOT, bot

pytestmark = pytest.mark.slow
TEXTS = [f"The {number} text of my own for this test" for number in ("first", "second", "third")]


@pytest.fixture
def home(tmp_path):
    for text in TEXTS:
        assert bot(tmp_path, "queue", "add", text).returncode == 0
    return tmp_path


def review(home, keys):
    """Run `bot review` on a terminal that has these keys waiting; returns what it showed."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "dumb"}
    process = subprocess.Popen(
        [BOT, "--home", home, "review"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    os.write(ours, keys.encode())
    shown = b""
    try:
        while chunk := os.read(ours, 4096):
            shown += chunk
    except OSError:  # the terminal is gone once the process has ended
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def states(home):
    with sqlite3.connect(home / "bot.sqlite3") as connection:
        return connection.execute("SELECT state, text, reason, approved_by FROM tweets ORDER BY id").fetchall()


def test_keys_approve_reject_and_skip(home):
    shown = review(home, "a\nr\nnot funny\ns\n")

    assert states(home) == [
        ("approved", TEXTS[0], "", "person"),
        ("rejected", TEXTS[1], "not funny", None),
        ("pending", TEXTS[2], "", None),
    ]
    assert "2 decided" in shown


def test_undo_makes_the_last_tweet_wait_again(home):
    review(home, "a\nu\nq\n")

    assert [state for state, *_ in states(home)] == ["pending"] * 3


def test_an_edit_starts_from_the_text_and_needs_a_new_approval(home):
    review(home, "e\n indeed\na\nq\n")

    assert states(home)[0] == ("approved", TEXTS[0] + " indeed", "", "person")


def test_an_edit_that_breaks_a_rule_changes_nothing(home):
    shown = review(home, "e\n and see end.Next\nq\n")

    assert "link" in shown
    assert states(home)[0][:2] == ("pending", TEXTS[0])


def test_tweets_can_be_decided_by_number_without_a_terminal(home):
    assert bot(home, "review", "approve", "1").returncode == 0
    assert bot(home, "review", "reject", "2", "--reason", "dull").returncode == 0
    assert bot(home, "review", "edit", "3", "x" * 281).returncode == 1
    assert bot(home, "review", "approve", "1").returncode == 1
    assert bot(home, "review", "undo", "1").returncode == 0
    assert [state for state, *_ in states(home)] == ["pending", "rejected", "pending"]


def test_editing_an_approved_tweet_takes_the_approval_away(home):
    bot(home, "review", "approve", "1")

    assert bot(home, "review", "edit", "1", "The first text, said better for this test").returncode == 0

    assert states(home)[0] == ("pending", "The first text, said better for this test", "", None)


def test_the_life_of_a_tweet_tells_every_step(home):
    bot(home, "review", "approve", "1")
    bot(home, "review", "edit", "1", "The first text, said better for this test")

    shown = bot(home, "queue", "show", "1").stdout

    assert [shown.index(word) for word in ("pending", "approved", "edited; it was")] == sorted(
        shown.index(word) for word in ("pending", "approved", "edited; it was")
    )
