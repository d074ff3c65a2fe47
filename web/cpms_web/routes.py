"""Every page of ours, feature by feature."""

from cpms_core import Link
from cpms_web import (
    pages_case,
    pages_centre,
    pages_files,
    pages_patient,
    pages_record,
    pages_search,
    pages_sign_in,
    pages_submit,
)

ALL = (
    *pages_sign_in.ROUTES,
    *pages_centre.ROUTES,
    *pages_patient.ROUTES,
    *pages_case.ROUTES,
    *pages_record.ROUTES,
    *pages_files.ROUTES,
    *pages_submit.ROUTES,
    *pages_search.ROUTES,
)

# The top bar, left to right. A link stands here from the day its page exists.
LINKS: tuple[Link, ...] = (Link(title="Centre", href="/centre", permission="centre.read"),)
