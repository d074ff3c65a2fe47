"""From bytes to a tree that is safe to walk and to store, or to a sentence that says why not."""

from typing import Any

import msgspec

from cpms_ern_ithaca.phenopacket.tree import Json

_LARGEST = 10_000_000  # bytes; published cases have about 10,000
_DEEPEST = 60
_HUMAN = "NCBITaxon:9606"


def open_tree(content: bytes) -> Json:
    if len(content) > _LARGEST:
        raise ValueError(f"It is larger than {_LARGEST // 1_000_000} MB, too large for one case.")
    tree = _decoded(content.removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(tree, dict):
        raise ValueError("It is JSON but no object, so it is no phenopacket.")  # noqa: TRY004 - the importer's contract
    _check_values(tree)
    _check_is_one_person(tree)
    return tree


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise ValueError(f"It is not JSON: {error}.") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"It is not UTF-8 text: byte {error.start} is wrong.") from error
    except RecursionError as error:
        raise ValueError("Its values are nested too deeply.") from error


def _check_values(tree: Json) -> None:
    """Refuse what would be accepted here and break a store or a page later."""
    stack: list[tuple[Any, int]] = [(tree, 0)]
    while stack:
        value, depth = stack.pop()
        if depth > _DEEPEST:
            raise ValueError(f"Its values are nested more than {_DEEPEST} deep.")
        if isinstance(value, dict):
            stack.extend((key, depth) for key in value)
            stack.extend((one, depth + 1) for one in value.values())
        elif isinstance(value, list):
            stack.extend((one, depth + 1) for one in value)
        elif isinstance(value, str) and "\0" in value:
            raise ValueError("It holds a NUL character, which no text has.")


def _check_is_one_person(tree: Json) -> None:
    for key, called in (("proband", "a family"), ("members", "a cohort")):
        if key in tree:
            raise ValueError(f"It is {called}; import one phenopacket for each person.")
    if "subject" not in tree and "phenotypicFeatures" not in tree:
        raise ValueError("It has neither a subject nor findings, so it is no phenopacket.")
    subject = tree.get("subject")
    taxonomy = subject.get("taxonomy") if isinstance(subject, dict) else None
    species = taxonomy.get("id", _HUMAN) if isinstance(taxonomy, dict) else _HUMAN
    if species != _HUMAN:
        raise ValueError("Its subject is no human.")
