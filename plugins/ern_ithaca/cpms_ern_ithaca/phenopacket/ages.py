"""Points in time of a phenopacket in words: `P2Y3M` → `2 y 3 m`."""

import re

from cpms_ern_ithaca.phenopacket.tree import Node

_DURATION = re.compile(
    r"^P(?=.)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?=.)(?:(\d+)H)?(?:(\d+)M)?)?$"
)
_UNITS = ("y", "m", "w", "d", "h", "min")


def age_in_words(duration: str) -> str:
    """`P2Y3M` → `2 y 3 m`; whatever is no such duration stays as it is."""
    found = _DURATION.match(duration)
    if not found:
        return duration
    parts = [(number, unit) for number, unit in zip(found.groups(), _UNITS, strict=True) if number]
    told = [f"{int(number)} {unit}" for number, unit in parts if int(number)]
    return " ".join(told) or f"0 {parts[0][1]}"


def coded(node: Node) -> str:
    """`Congenital onset (HP:0003577)`: label and code of an ontology class, taken."""
    label, code = node.take_text("label"), node.take_text("id")
    return f"{label} ({code})" if label and code else label or code


def take_time(owner: Node, key: str) -> str:
    """A TimeElement in words; kinds that have none (a date, an interval) stay where they are."""
    time = owner.child(key)
    if "ontologyClass" in time.data:
        return coded(time.child("ontologyClass"))
    if "age" in time.data:
        return age_in_words(time.child("age").take_text("iso8601duration"))
    if "ageRange" in time.data:
        start, end = time.child("ageRange").child("start"), time.child("ageRange").child("end")
        ages = (one.take_text("iso8601duration") for one in (start, end))
        return " to ".join(age_in_words(one) for one in ages if one)
    return ""
