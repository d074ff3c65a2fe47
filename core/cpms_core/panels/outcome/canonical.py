"""JSON that has one spelling only: what is hashed and signed.

RFC 8785 (JCS) for texts, whole numbers, truth values, null, lists and objects. Fractions are
refused, since their canonical form is JavaScript's own.
"""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The one spelling of `value`; ValueError if it has none here."""
    return json.dumps(_ordered(value), ensure_ascii=False, separators=(",", ":")).encode()


def parse_canonical(data: bytes) -> Any:
    """The value of canonical bytes; ValueError if they are anything else."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=_pairs)
        same = canonical_json(value) == data
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not same:
        raise ValueError("it is not in the canonical form of RFC 8785")
    return value


# Whole numbers beyond this are not the same number in every reader (RFC 8785, section 3.2.2.3).
_LARGEST = 2**53 - 1


def _ordered(value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int() if abs(value) > _LARGEST:
            raise ValueError("a number is too large for a canonical form")
        case int():
            return value
        case list() | tuple():
            return [_ordered(item) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            # UTF-16 code units, as JavaScript compares; code points differ beyond U+FFFF.
            keys = sorted(value, key=lambda key: key.encode("utf-16-be"))
            return {key: _ordered(value[key]) for key in keys}
    raise ValueError(f"a value of type {type(value).__name__} has no canonical form here")


def _pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(items)
    if len(found) != len(items):
        raise ValueError("a key stands twice in one object")
    return found


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
