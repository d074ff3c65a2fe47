import re
from itertools import combinations

import pytest

from cpms_core.errors import ConflictError
from cpms_core.patients.pseudonyms import BIRDS, new_pseudonym


def test_a_pseudonym_is_a_bird_and_four_digits() -> None:
    for _ in range(500):
        bird, number = new_pseudonym(lambda _: False).split("-")
        assert bird in BIRDS
        assert re.fullmatch(r"[1-9][0-9]{3}", number)


def test_there_are_enough_pseudonyms_for_every_patient_of_the_networks() -> None:
    assert len(set(BIRDS)) == len(BIRDS) >= 200
    assert len({new_pseudonym(lambda _: False) for _ in range(2000)}) > 1980


def test_a_taken_pseudonym_is_not_given_again() -> None:
    asked: list[str] = []

    def is_taken(pseudonym: str) -> bool:
        asked.append(pseudonym)
        return len(asked) < 5

    assert new_pseudonym(is_taken) == asked[4]


def test_a_store_where_everything_is_taken_is_told_instead_of_asked_for_ever() -> None:
    with pytest.raises(ConflictError, match="nothing was saved"):
        new_pseudonym(lambda _: True)


def test_birds_are_plain_words_that_cannot_be_mistaken_for_one_another() -> None:
    assert all(re.fullmatch(r"[A-Z][a-z]{3,10}", bird) for bird in BIRDS)
    close = [(a, b) for a, b in combinations(BIRDS, 2) if differs_by(a.lower(), b.lower()) < 3]
    assert close == []


def differs_by(one: str, other: str) -> int:
    """Levenshtein's distance, as far as 3: letters changed, put in or left out."""
    if abs(len(one) - len(other)) > 2:
        return 3
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, another in enumerate(other, 1):
            change = above[column - 1] + (letter != another)
            here.append(min(above[column] + 1, here[-1] + 1, change))
        above = here
    return above[-1]
