"""Small forms that are no dataset: what was typed, and everything that is wrong with it."""

from collections.abc import Iterable, Mapping
from datetime import date

from cpms_core.http.visit import PageVisit


def typed_in(visit: PageVisit, names: Iterable[str], *, max_length: int = 200) -> dict[str, str]:
    """Every field of the form, stripped; empty where nothing was sent."""
    return {name: visit.field(name, max_length=max_length) for name in names}


def read_date(text: str, name: str, problems: dict[str, str]) -> date | None:
    """A day as the browser sends it; a problem is noted if it is none. None for nothing typed."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        problems[name] = "Write a day such as 2024-05-17."
        return None


def in_order(problems: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """The problems as the fields stand on the page."""
    return {name: problems[name] for name in names if name in problems}
