"""Characters to ids and back."""

import string
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.vocabulary import (
    ASCII98,
    MAX_BEYOND_ASCII,
    MIN_COUNT,
    UNKNOWN,
    Vocabulary,
    build_vocabulary,
    fold,
)

repeatable = settings(derandomize=True, deadline=None)
BIRD = "\U0001f426"


def test_ascii_ids_are_those_of_the_seed():
    """0 is unknown, 1 to 97 are tab, line feed and printable ASCII by code point."""
    assert len(ASCII98) == 98
    assert ASCII98.characters[0] == ""
    assert ASCII98.characters[1:] == tuple(sorted(set(string.printable) - set("\r\x0b\x0c")))
    assert ASCII98.encode("\t\n ~").tolist() == [1, 2, 3, 97]


@repeatable
@given(st.text(alphabet=ASCII98.characters[1:]))
def test_decoding_gives_back_what_was_encoded(text):
    assert ASCII98.decode(ASCII98.encode(text)) == text


@repeatable
@given(st.text())
def test_any_text_can_be_encoded(text):
    """Whatever stands in a file: an id for each folded character, unknown ones leave no trace in the text."""
    ids = ASCII98.encode(text)

    assert len(ids) == len(fold(text))
    assert ids.dtype == np.uint16
    assert ASCII98.decode(ids) == "".join(c for c in fold(text) if c in ASCII98.characters)


def test_lone_surrogate_is_unknown():
    assert ASCII98.encode("a\ud800b").tolist() == [*ASCII98.encode("a"), UNKNOWN, *ASCII98.encode("b")]


def test_unknown_id_decodes_to_nothing():
    assert ASCII98.decode([UNKNOWN, 3, UNKNOWN]) == " "


@pytest.mark.parametrize(
    ("typed", "folded"),
    [
        ("\u201cyes\u201d", '"yes"'),
        ("don\u2019t", "don't"),
        ("1990\u20132000 \u2014 done", "1990-2000 - done"),
        ("wait\u2026", "wait..."),
        ("a\u00a0b", "a b"),
        ("\ufeffa\u200bb\r\n", "ab\n"),
        ("caf\u00e9 " + BIRD, "caf\u00e9 " + BIRD),
    ],
)
def test_typographic_characters_become_ascii(typed, folded):
    assert fold(typed) == folded


@repeatable
@given(st.text())
def test_folding_twice_is_folding_once(text):
    assert fold(fold(text)) == fold(text)


def test_unknown_characters_are_named_once_and_sorted():
    assert ASCII98.unknown_in(f"{BIRD} caf\u00e9, \u201cna\u00efve\u201d {BIRD}") == "\u00e9\u00ef" + BIRD


def test_frequent_characters_get_ids_after_ascii_most_frequent_first():
    counts = Counter({"\u00e9": MIN_COUNT, BIRD: MIN_COUNT + 1, "a": 5000})
    vocabulary = build_vocabulary(counts)

    assert vocabulary.characters == (*ASCII98.characters, BIRD, "\u00e9")
    assert vocabulary.encode(BIRD + "\u00e9").tolist() == [98, 99]


def test_rare_character_stays_unknown():
    assert build_vocabulary({"\u00e9": MIN_COUNT - 1}) == ASCII98


def test_character_that_cannot_be_seen_stays_unknown():
    assert build_vocabulary(dict.fromkeys("\u200d\x00\u2028\u202e", MIN_COUNT)) == ASCII98


def test_vocabulary_is_bounded():
    counts = {chr(0x4E00 + i): MIN_COUNT + i for i in range(MAX_BEYOND_ASCII + 50)}
    vocabulary = build_vocabulary(counts)

    assert len(vocabulary) == len(ASCII98) + MAX_BEYOND_ASCII
    assert vocabulary.characters[98] == chr(0x4E00 + MAX_BEYOND_ASCII + 49)


def test_equal_counts_are_ordered_by_character():
    counts = dict.fromkeys("\u00e9\u00e4\u00fc", MIN_COUNT)

    assert build_vocabulary(counts).characters[98:] == ("\u00e4", "\u00e9", "\u00fc")
    assert build_vocabulary(dict(reversed(counts.items()))) == build_vocabulary(counts)


def test_growing_keeps_the_ids_of_the_base():
    base = build_vocabulary({"\u00e9": MIN_COUNT})
    grown = build_vocabulary({BIRD: MIN_COUNT * 9, "\u00e9": MIN_COUNT}, base)

    assert grown.characters == (*base.characters, BIRD)


def test_full_base_grows_no_more():
    full = build_vocabulary({chr(0x4E00 + i): MIN_COUNT for i in range(MAX_BEYOND_ASCII)})

    assert build_vocabulary({BIRD: MIN_COUNT}, full) == full


def test_fingerprint_follows_the_order_of_the_characters():
    assert Vocabulary(("", "a", "b")).sha256() != Vocabulary(("", "b", "a")).sha256()
    assert Vocabulary(("", "a", "b")).sha256() == Vocabulary(("", *"ab")).sha256()
