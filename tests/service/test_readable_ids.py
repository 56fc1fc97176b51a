"""Readable ids: many, speakable, fit for a classroom, and told apart by ear."""

import re
from collections import Counter

import jellyfish
import pytest

from je_sharing.readable_ids import combinations, could_be_readable_id, draw
from je_sharing.words import ADJECTIVES, ANIMALS

pytestmark = pytest.mark.service

LISTS = pytest.mark.parametrize("words", [ADJECTIVES, ANIMALS], ids=["adjectives", "animals"])


def test_there_are_too_many_to_count_through():
    assert combinations() >= 2**35


@LISTS
def test_each_is_one_word_of_plain_letters(words):
    assert all(re.fullmatch(r"[a-z]{2,14}", word) for word in words)


@LISTS
def test_no_word_comes_twice(words):
    assert len(set(words)) == len(words)


def test_no_word_is_both():
    assert not set(ADJECTIVES) & set(ANIMALS)


@LISTS
def test_no_two_sound_alike(words):
    by_sound = Counter(jellyfish.metaphone(word) for word in words)
    assert [sound for sound, count in by_sound.items() if count > 1] == []


@LISTS
def test_no_two_are_one_letter_apart(words):
    near = [
        (first, second)
        for index, first in enumerate(words)
        for second in words[index + 1 :]
        if jellyfish.damerau_levenshtein_distance(first, second) < 2
    ]
    assert near == []


@LISTS
def test_nothing_about_bodies_wits_wealth_or_worse(words):
    unfit = """
        fat big thick thin skinny ugly dumb stupid dull slow lazy crazy insane mad lame gay
        queer straight black white brown yellow red pale naked nude bare wet moist hot sexy hard
        stiff long short tight loose easy cheap poor rich broke dirty filthy smelly hairy bald
        old dead drunk high stoned bloody cruel evil nasty mean special simple little tit booby
        shag cock ass hoe cod crab leech slug worm whore bass pervert perky busty kinky dodgy
        shady supple curly gifted beaver cockle hogfish wrasse pollock
    """
    assert not set(unfit.split()) & set(words)


@LISTS
def test_none_is_heard_as_a_commoner_word(words):
    heard_otherwise = """
        aunt bare bear birth blew brews dear fair fare flea flour great hare hair mussel muscle
        pail pale plaice place quay queue rays role sole soul steak tale tern turn vain wail
    """
    assert not set(heard_otherwise.split()) & set(words)


def test_an_id_is_three_different_adjectives_and_an_animal():
    for _ in range(2000):
        *adjectives, animal = draw().split("-")
        assert len(set(adjectives)) == 3
        assert set(adjectives) <= set(ADJECTIVES)
        assert animal in ANIMALS
        assert could_be_readable_id("-".join([*adjectives, animal]))


def test_draws_do_not_follow_an_order():
    drawn = [draw() for _ in range(10_000)]
    assert len(set(drawn)) == len(drawn)
    assert drawn != sorted(drawn)
    for place, words in enumerate([ADJECTIVES] * 3 + [ANIMALS]):
        assert {item.split("-")[place] for item in drawn} == set(words)


def test_an_id_of_three_words_stays_valid():
    assert could_be_readable_id("calm-silver-otter")


@pytest.mark.parametrize(
    ("text", "could_be"),
    [
        ("a" * 76 + "-b-c", True),
        ("a" * 77 + "-b-c", False),
        ("-calm-otter", False),
        ("calm--otter", False),
        ("calm-otter-", False),
        ("calm-otter", False),
        ("a-b-c-d-e", False),
        ("calm-silver-otter\n", False),
        ("Calm-silver-otter", False),
        ("calm-silver-0tter", False),
    ],
)
def test_the_shape_has_three_or_four_words_and_eighty_letters_at_most(text, could_be):
    assert could_be_readable_id(text) is could_be
