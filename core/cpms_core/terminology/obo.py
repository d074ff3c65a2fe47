"""The few tags of the OBO format (1.2 and 1.4) that add words to HPO: synonyms and definitions."""

import re

from msgspec import Struct

_QUOTED = re.compile(r'^(?:def|synonym): "((?:[^"\\]|\\.)*)"')
# What HPO itself marks as discarded, and words meant for machines.
_UNWANTED = re.compile(r'" \w+ (?:obsolete_synonym|allelic_requirement) \[')
_ESCAPED = re.compile(r"\\(.)")


class Addition(Struct, frozen=True):
    definition: str = ""
    synonyms: tuple[str, ...] = ()


def read_obo(text: str) -> dict[str, Addition]:
    """Code → what the file adds to it; stanzas of other kinds than `[Term]` are passed over."""
    additions = {}
    for stanza in re.split(r"^\[Term\]\s*$", text, flags=re.MULTILINE)[1:]:
        lines = re.split(r"^\[\w+\]\s*$", stanza, maxsplit=1, flags=re.MULTILINE)[0].splitlines()
        code = next((line[4:].strip() for line in lines if line.startswith("id: ")), "")
        if code:
            definition = next((line for line in lines if line.startswith("def: ")), "")
            told = [x for x in lines if x.startswith("synonym: ") and not _UNWANTED.search(x)]
            synonyms = tuple(filter(None, dict.fromkeys(map(_quoted, told))))
            additions[code] = Addition(_quoted(definition), synonyms)
    return additions


def _quoted(line: str) -> str:
    found = _QUOTED.match(line)
    return _ESCAPED.sub(r"\1", found[1]) if found else ""
