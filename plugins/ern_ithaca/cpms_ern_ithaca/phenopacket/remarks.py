"""What could not be placed, in a sentence for each kind of thing."""

import re
from collections.abc import Iterator
from typing import Any

_IDENTIFIERS = re.compile(
    r"^(id|subject\.(id|alternateIds)|interpretations\.id|.*\.(subjectOrBiosampleId|"
    r"variationDescriptor\.id))$"
)
_CALLED = {
    "subject": "the person",
    "phenotypicFeatures": "the findings",
    "interpretations": "the variants",
    "diseases": "the diagnoses",
}


def remarks_on(leftover: dict[str, Any]) -> list[str]:
    paths = list(dict.fromkeys(_paths(leftover, "")))
    names: dict[str, list[str]] = {}
    for path in paths:
        top, _, rest = path.partition(".")
        kind = "identifiers" if _IDENTIFIERS.match(path) else top
        names.setdefault(kind, []).append(_short(rest or top))
    return [_sentence(kind, list(dict.fromkeys(short))) for kind, short in names.items()]


def _paths(value: Any, path: str) -> Iterator[str]:
    """The dotted path of every leaf, without the numbers of rows."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key != "about":
                yield from _paths(one, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for one in value:
            yield from _paths(one, path)
    else:
        yield path


def _short(path: str) -> str:
    """The end of a path, which is what people recognise."""
    return ".".join(path.split(".")[-2:])


def _sentence(kind: str, names: list[str]) -> str:
    told = ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")  # noqa: PLR2004 - a line's worth
    if kind == "identifiers":
        return f"The file's own identifiers are kept aside: {told}."
    if kind == "metaData":
        return f"How the file was made is kept aside: {told}."
    if kind in _CALLED:
        return f"Of {_CALLED[kind]}, this has no field here and is kept aside: {told}."
    return f"“{kind}” has no place in the record and is kept aside as it stood: {told}."
