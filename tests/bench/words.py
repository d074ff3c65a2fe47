"""Invented people and sentences for a busy ERN."""

import itertools
import random
from collections.abc import Iterator

BIRDS = (
    *("Wren", "Plover", "Finch", "Curlew", "Siskin", "Lapwing", "Dunnock", "Heron", "Lark"),
    *("Avocet", "Bittern", "Dipper", "Egret", "Fulmar", "Godwit", "Hobby", "Kestrel", "Linnet"),
)
FIRST = ("Žofie", "Ανδρέας", "Ingrid", "Jean-Baptiste", "Lotte", "Marco", "Élodie", "Tomáš")
LAST = ("Příhodová", "Παπαδόπουλος", "Bjørnstad", "de la Fontaine", "Van den Bossche", "Ricci")
QUESTIONS = (
    "Exome (trio) was negative: is a chromatin disorder worth pursuing, and which test next?",
    "Does the growth curve fit this variant of uncertain significance in ANKRD11?",
    "Start sodium benzoate before the results are back?",
    "Timing of surgery for a low lumbar lipomyelomeningocele?",
    "Which surveillance would you offer an adult with this microdeletion?",
    "Is this phenotype compatible with the maternally inherited duplication?",
)
SUMMARY = (
    "Second child of unrelated parents. Global delay, first words at 34 months, short stature from "
    "year two (2.4 SD below), macrodontia of the upper incisors, brachydactyly, recurrent otitis. "
    "MRI: thin corpus callosum. Array normal."
)
OPINIONS = (
    "The triangular face with macrodontia and the growth curve fit KBG better than the exome says.",
    "I would ask for MLPA of 16q24.3: exome misses most deletions under 100 kb.",
    "Consider a methylation signature before another exome; the hands speak for it.",
)
FINDINGS = (
    ("HP:0000325", "Triangular face", False),
    ("HP:0001572", "Macrodontia", False),
    ("HP:0001263", "Global developmental delay", False),
    ("HP:0004322", "Short stature", False),
    ("HP:0001156", "Brachydactyly", False),
    ("HP:0000175", "Cleft palate", True),
)


def names(chance: random.Random) -> Iterator[str]:
    """Full names without end; the first round has each pair once."""
    pairs = [f"Dr {first} {last}" for first in FIRST for last in LAST]
    chance.shuffle(pairs)
    return itertools.cycle(pairs)
