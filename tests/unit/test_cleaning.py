"""What is done to a tweet before it is learnt from."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.errors import UsageError
from training.cleaning import Cleaning, RawTweet, alike, fingerprint, sketch

repeatable = settings(derandomize=True, deadline=None)


def clean(text: str, **options) -> tuple[str, str]:
    return Cleaning(**options).clean(RawTweet(text), Counter())


def test_fingerprint_ignores_case_and_white_space():
    assert fingerprint(" Rain\n again") == fingerprint("rain again")
    assert fingerprint("rain again") != fingerprint("rainagain")


@pytest.mark.parametrize("text", ["RT @somebody: hello", "rain! RT @somebody sun", "MT @somebody: hello", "RT: @x hi"])
def test_retweet_is_dropped_unless_wanted(text):
    assert clean(text)[1] == "retweet"
    assert clean(text, retweets=True) == (text, "")


@pytest.mark.parametrize("text", ["ART @ the harbour", "start @somebody", "RTFM, please"])
def test_tweet_that_only_looks_like_a_retweet_is_kept(text):
    assert clean(text) == (text, "")


def test_long_tweet_that_ends_with_an_ellipsis_was_cut():
    assert clean("word " * 25 + "and th\u2026")[1] == "cut text"
    assert clean("word " * 25 + "and th\u2026  ")[1] == "cut text"


def test_short_tweet_that_ends_with_an_ellipsis_was_meant_so():
    assert clean("well\u2026") == ("well...", "")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("see https://example.org/a?b=c#d now", "see now"),
        ("http://example.org rain", "rain"),
        ("rain\nwww.example.org/x sun", "rain sun"),
        ("a http://t.co/1 b http://t.co/2", "a b"),
    ],
)
def test_links_are_removed_with_the_space_before_them(text, cleaned):
    assert clean(text) == (cleaned, "")


@pytest.mark.parametrize("text", ["Awww... so small", "ewww. no", "the http protocol"])
def test_drawn_out_word_is_no_link(text):
    assert clean(text) == (text, "")
    assert clean(text, urls="drop") == (text, "")


def test_tweet_with_a_link_can_be_dropped_or_kept_whole():
    text = "see https://example.org now"

    assert clean(text, urls="drop")[1] == "url"
    assert clean(text, urls="keep") == (text, "")


def test_tweet_that_is_only_a_link_is_empty():
    assert clean("https://example.org")[1] == "empty"


def test_mentions_at_the_start_can_be_removed():
    assert clean("@one @two_3: thanks @four", mentions="remove") == (": thanks @four", "")
    assert clean("  @one thanks", mentions="remove") == ("thanks", "")
    assert clean("thanks @one", mentions="remove") == ("thanks @one", "")


def test_tweet_with_a_mention_can_be_dropped_or_kept():
    assert clean("thanks @one", mentions="drop")[1] == "mention"
    assert clean("@one thanks", mentions="keep") == ("@one thanks", "")


def test_mail_address_is_no_mention():
    text = "write to kite@example.org"

    assert clean(text, mentions="drop", contacts="keep") == (text, "")


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("fish &amp; chips &lt;3", "fish & chips <3"),
        ("caf\u00c3\u00a9", "caf\u00e9"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u201cyes\u201d \u2014 she said", '"yes" - she said'),
        ("a\tb\nc\r\nd", "a b c d"),
        ("a\rb\x0cc\x85d", "a b c d"),
        ("bell\x07 and\x00 null", "bell and null"),
        ("one\u2028two\u00a0three", "one two three"),
        ("two grey herons \U0001f426", "two grey herons \U0001f426"),
    ],
)
def test_text_is_repaired(text, cleaned):
    assert clean(text) == (cleaned, "")


def test_clean_text_is_counted_as_unchanged():
    changed: Counter[str] = Counter()
    Cleaning().clean(RawTweet("two grey herons"), changed)

    assert not changed.total()


@repeatable
@given(st.text(max_size=60))
def test_kept_text_is_one_line_without_control_characters(text):
    """A line break in a kept tweet would make two tweets of it in train.txt."""
    kept, reason = clean(text)

    if not reason:
        assert kept
        assert kept == " ".join(kept.split())
        assert not [c for c in kept if ord(c) < 32 or 127 <= ord(c) < 160]


@pytest.mark.parametrize(
    "contact",
    ["kite@example.org", "k.ite+x@mail.example.co.uk", "202-225-1234", "(202) 225-1234", "202.225.1234",
     "+49 30 1234567", "1-800-555-0123", "555-0123", "(0171)2254432"],
)  # fmt: skip
def test_contacts_are_dropped_removed_or_kept(contact):
    text = f"call me at {contact} today"

    assert clean(text)[1] == "contact"
    assert clean(text, contacts="remove") == ("call me at today", "")
    assert clean(text, contacts="keep") == (text, "")


@pytest.mark.parametrize(
    "text",
    ["$1,234,567.89 for 2019-2020", "on 2020-03-01 at 10:30", "H.R. 1234 passed 220-210", "365 days, 1000000 trees",
     "9/11/2001", "vote 12-345-6", "a @ b", "score 101-99", "1918-1920", "see 10.1000/182"],
)  # fmt: skip
def test_numbers_that_are_no_phone_numbers_are_kept(text):
    assert clean(text) == (text, "")


@pytest.mark.parametrize(
    ("raw", "options", "reason"),
    [
        (RawTweet("rain", retweet=True), {}, "retweet"),
        (RawTweet("rain", retweet=True), {"retweets": True}, ""),
        (RawTweet("rain", quote=True), {}, ""),
        (RawTweet("rain", quote=True), {"quotes": False}, "quote"),
        (RawTweet("word " * 30 + "an\u2026 https://t.co/a1B2"), {}, "cut text"),
        (RawTweet("word " * 30 + "an\u2026 https://t.co/a1B2"), {"cut_texts": True}, ""),
    ],
)
def test_what_the_file_says_beside_the_text_counts(raw, options, reason):
    assert Cleaning(**options).clean(raw, Counter())[1] == reason


@pytest.mark.parametrize(
    ("option", "text", "cleaned"),
    [
        ({"entities": False}, "fish &amp; chips", "fish &amp; chips"),
        ({"encoding": False}, "caf\u00c3\u00a9", "caf\u00c3\u00a9"),
        ({"nfc": False}, "cafe\u0301", "cafe\u0301"),
        ({"spaces": False}, " two  herons\nfly", " two  herons fly"),
    ],
)
def test_each_repair_can_be_switched_off(option, text, cleaned):
    assert clean(text, **option) == (cleaned, "")
    assert clean(text)[0] != cleaned


def test_text_without_entities_is_not_unescaped():
    assert Cleaning().clean(RawTweet("a &lt; b", escaped=False), Counter()) == ("a &lt; b", "")


def test_unknown_treatment_is_a_usage_error():
    with pytest.raises(UsageError, match="--urls"):
        Cleaning(urls="burn")


def test_tweets_without_words_have_no_sketch():
    assert sketch([]) == []


def test_four_of_five_words_make_tweets_alike():
    assert alike(set("abcde"), set("abcd"))
    assert not alike(set("abcde"), set("abc"))
    assert not alike(set("abcdefgh"), set("abcdefxy"))
