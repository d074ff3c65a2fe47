"""Long lists in pages: the number of the page in the address."""

from cpms_core.http.visit import PageVisit

_LONGEST = 6
"""Digits; no list of a site has a million pages."""


def page_number(visit: PageVisit) -> int:
    """1 for whatever is no number; the query clips what is beyond the last page."""
    given = visit.query.get("page", "")
    return max(int(given), 1) if given.isdecimal() and len(given) <= _LONGEST else 1
