"""The daemon as its owner meets it: a real process, a real database, real signals."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from command import BOT, bot, run
from x_server import XServer

pytestmark = pytest.mark.slow
UNDER_TEST = Path(__file__).parents[1] / "daemon_under_test.py"
HEAD_LINE = re.compile(r"^\d\d:\d\d:\d\d  dry posted  tweet (\d+)  (\d+)/280  slot ", re.MULTILINE)
LIVE = "[posting]\nlive = true\nallow_pretrained = true\n"


def start(*command):
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def rows(home, query):
    with sqlite3.connect(home / "bot.sqlite3") as connection:
        return connection.execute(query).fetchall()


def wait_for_line(stream, part):
    for line in stream:
        if part in line:
            return line
    raise AssertionError(f"the process ended before it said {part!r}")


def end(process, number=signal.SIGTERM):
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def approved_home(tmp_path, count):
    """A live home whose queue holds so many tweets that a person approved."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "bot.toml").write_text(LIVE)
    for name in ["one", "two", "three"][:count]:
        assert bot(home, "queue", "add", f"A text of my own for the test, number {name}").returncode == 0
    assert bot(home, "review", "approve", *range(1, count + 1)).returncode == 0
    return home


def test_a_dry_run_shows_tweets_and_goes_on_with_its_queue(tmp_path):
    """The first command of the README: posts, each once, and the same queue after a restart."""
    first = bot(tmp_path, "run", "--dry-run", "--every", "1s", "--posts", "2")
    queued = {row[0] for row in rows(tmp_path, "SELECT id FROM tweets WHERE state = 'approved'")}
    second = bot(tmp_path, "run", "--dry-run", "--every", "1s", "--posts", "1")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    shown = [int(i) for i, _ in HEAD_LINE.findall(first.stdout)]
    again = [int(i) for i, _ in HEAD_LINE.findall(second.stdout)]
    assert len(shown) == 2
    assert len(set(shown)) == 2
    assert set(again) <= queued
    assert rows(tmp_path, "SELECT count(*) FROM tweets WHERE state = 'dry_posted'") == [(3,)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_daemon_cleanly(tmp_path, number):
    process = start(BOT, "--home", tmp_path, "run", "--dry-run", "--every", "1s")
    wait_for_line(process.stdout, "dry posted")

    code, _, err = end(process, number)

    assert code == 0
    assert "start again to go on with the same queue" in err
    assert rows(tmp_path, "SELECT count(*) FROM tweets WHERE state = 'posting'") == [(0,)]


def test_a_second_daemon_is_refused_with_the_pid_of_the_first(tmp_path):
    first = start(BOT, "--home", tmp_path, "run", "--dry-run", "--every", "1s")
    wait_for_line(first.stdout, "dry posted")

    second = bot(tmp_path, "run", "--dry-run", "--every", "1s", "--posts", "1")

    end(first)
    assert second.returncode == 25
    assert str(first.pid) in second.stderr


def test_what_a_dry_run_approved_is_never_sent(tmp_path):
    """Dry run, stop with rows left, start live: 0 creates."""
    (tmp_path / "bot.toml").write_text(LIVE)
    assert bot(tmp_path, "run", "--dry-run", "--every", "1s", "--posts", "1").returncode == 0
    left = rows(tmp_path, "SELECT count(*) FROM tweets WHERE state = 'approved'")[0][0]
    assert left > 0

    with XServer() as x:
        process = start(sys.executable, UNDER_TEST, tmp_path, x.port)
        wait_for_line(process.stderr, "passes: no tweet is approved")
        end(process)

    assert x.created == []
    assert rows(tmp_path, "SELECT count(*) FROM tweets WHERE state = 'approved'") == [(0,)]
    assert rows(tmp_path, "SELECT count(*) FROM tweets WHERE state = 'pending'")[0][0] >= left


def test_an_approved_tweet_is_created_once_and_recorded(tmp_path):
    home = approved_home(tmp_path, 2)

    with XServer() as x:
        process = start(sys.executable, UNDER_TEST, home, x.port, 2)
        process.communicate(timeout=60)

    assert process.returncode == 0
    assert len(x.created) == len(set(x.created)) == 2
    assert rows(home, "SELECT count(*) FROM tweets WHERE state = 'posted' AND remote_id IS NOT NULL") == [(2,)]


def test_a_lost_answer_blocks_the_account_until_a_person_settles_it(tmp_path):
    """The server creates the tweet and cuts the line: it is never sent again by itself."""
    home = approved_home(tmp_path, 2)

    with XServer(answer=lambda handler, text: handler.connection.close()) as x:
        process = start(sys.executable, UNDER_TEST, home, x.port)
        wait_for_line(process.stderr, "is unknown")
        wait_for_line(process.stderr, "so nothing is posted")
        end(process)
    with XServer() as y:
        process = start(sys.executable, UNDER_TEST, home, y.port)
        wait_for_line(process.stderr, "so nothing is posted")
        end(process)

    assert len(x.created) == 1
    assert y.created == []
    assert bot(home, "resolve", "1", "--posted", "1900000000000000001").returncode == 0
    assert rows(home, "SELECT state FROM tweets WHERE id <= 2 ORDER BY id") == [("posted",), ("approved",)]


def test_a_tweet_in_flight_when_the_process_is_killed_becomes_unknown(tmp_path):
    """SIGKILL while X holds the request: after a restart the tweet is not sent a second time."""
    home = approved_home(tmp_path, 1)
    held = []

    with XServer(answer=lambda handler, text: held.append(handler.rfile.read(1))) as x:
        process = start(sys.executable, UNDER_TEST, home, x.port)
        assert x.happened.wait(60)
        process.kill()
        process.communicate(timeout=60)
    with XServer() as y:
        process = start(sys.executable, UNDER_TEST, home, y.port)
        wait_for_line(process.stderr, "so nothing is posted")
        end(process)

    assert len(x.created) == 1
    assert y.created == []
    assert rows(home, "SELECT state FROM tweets WHERE id = 1") == [("unknown",)]


def test_a_promoted_checkpoint_is_taken_up_without_a_restart(tmp_path, tiny_checkpoint):
    process = start(BOT, "--home", tmp_path, "run", "--dry-run", "--every", "1s")
    wait_for_line(process.stdout, "dry posted")

    promoted = bot(tmp_path, "model", "promote", str(tiny_checkpoint), "--force")
    line = wait_for_line(process.stderr, f"the model is {tiny_checkpoint.parent.name}")

    code, _, _ = end(process)
    assert promoted.returncode == 0, promoted.stderr
    assert line
    assert code == 0
    assert bot(tmp_path, "model", "rollback").stdout.strip().endswith("pretrained")


def test_the_running_daemon_never_loads_the_training_parts(tmp_path):
    code = (
        "import sys\nfrom bot.cli import main\n"
        f"sys.argv = ['bot', '--home', {str(tmp_path)!r}, 'run', '--dry-run', '--every', '1s', '--posts', '1']\n"
        "try:\n    main()\nexcept SystemExit as exc:\n    assert exc.code == 0\n"
        "unwanted = ('tensorflow', 'keras', 'hyperopt', 'tweepy', 'requests', 'urllib3', 'alembic', 'training')\n"
        "print('LOADED', [m for m in unwanted if m in sys.modules])\n"
    )

    done = run(sys.executable, "-P", "-c", code)

    assert "LOADED []" in done.stdout, done.stdout + done.stderr


def test_live_posting_is_refused_until_it_is_safe(tmp_path):
    """Off by default; never with automatic approval; not with the shipped model; not without keys."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TWITTER_")}

    def live(toml):
        (tmp_path / "bot.toml").write_text(toml)
        done = bot(tmp_path, "run", env=environment)
        return done.returncode, done.stderr

    assert live("")[0] == 20
    assert live("[posting]\nlive = true\n[review]\nauto_approve = true\n")[0] == 20
    code, message = live("[posting]\nlive = true\n")
    assert code == 21
    assert "your own tweets" in message
    code, message = live(LIVE)
    assert code == 20
    assert "TWITTER_CONSUMER_KEY" in message


def test_status_and_preview_are_json_for_programs(tmp_path):
    status = json.loads(bot(tmp_path, "status", "--json").stdout)
    preview = json.loads(bot(tmp_path, "schedule", "preview", "--days", "3", "--json").stdout)

    assert status["schema"] == preview["schema"] == 1
    assert len(preview["slots"]) == 6
