"""The corpus as its owner handles it: import, look, forget."""

import json

import pytest
from command import bot

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path):
    tweets = ["our garden remembers an empty street and the old river", "two grey herons", "rain \U0001f426 again"]
    (tmp_path / "t.csv").write_text("id,text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(tweets, 50)))
    done = bot(tmp_path / "home", "data", "import", tmp_path / "t.csv", "--licence", "my own", "--consent", "mine")
    assert done.returncode == 0, done.stderr
    assert "3 read = 3 kept" in done.stdout
    return tmp_path / "home"


def test_stats_show_lengths_characters_and_sources(home):
    text = bot(home, "data", "stats").stdout
    document = json.loads(bot(home, "data", "stats", "--json").stdout)

    assert "3 tweets" in text
    assert "\U0001f426 (1)" in text
    assert "licence: my own; consent: mine" in text
    assert document["tweets"] == 3
    assert document["uncovered"] == [["\U0001f426", 1]]
    assert document["sources"][0]["file"] == "t.csv"


def test_forgotten_tweet_leaves_corpus_and_queue(home):
    bot(home, "queue", "add", "Our garden remembers an empty street today")
    bot(home, "queue", "add", "A kite over the harbour")
    bot(home, "data", "split")

    done = bot(home, "data", "forget", "50", "--json")

    assert json.loads(done.stdout)["rejected"] == [1]
    files = json.loads(done.stdout)["files"]
    assert files
    assert "remembers" not in "".join(path.read_text() for path in home.rglob("*.txt"))
    states = {t["text"]: t["state"] for t in json.loads(bot(home, "queue", "list", "--json").stdout)["tweets"]}
    assert states["A kite over the harbour"] == "pending"
    assert states.get("Our garden remembers an empty street today") in (None, "rejected")
    again = bot(home, "data", "forget", "50")
    assert (again.returncode, again.stdout) == (2, "")
    assert "no tweet 50" in again.stderr


def test_forgetting_in_a_new_home_creates_nothing(tmp_path):
    done = bot(tmp_path / "home", "data", "forget", "50")

    assert done.returncode == 2
    assert not (tmp_path / "home").exists()
