"""Every page of ours, feature by feature."""

from cpms_core import Link
from cpms_web import (
    pages_audit,
    pages_case,
    pages_centre,
    pages_ern,
    pages_files,
    pages_help,
    pages_home,
    pages_me,
    pages_my_keys,
    pages_outcome,
    pages_panel,
    pages_patient,
    pages_people,
    pages_plugins,
    pages_preferences,
    pages_record,
    pages_search,
    pages_sign_in,
    pages_signing,
    pages_step_up,
    pages_submit,
)

ALL = (
    *pages_sign_in.ROUTES,
    *pages_home.ROUTES,
    *pages_centre.ROUTES,
    *pages_patient.ROUTES,
    *pages_case.ROUTES,
    *pages_record.ROUTES,
    *pages_files.ROUTES,
    *pages_submit.ROUTES,
    *pages_ern.ROUTES,
    *pages_panel.ROUTES,
    *pages_outcome.ROUTES,
    *pages_signing.ROUTES,
    *pages_search.ROUTES,
    *pages_people.ROUTES,
    *pages_plugins.ROUTES,
    *pages_audit.ROUTES,
    *pages_me.ROUTES,
    *pages_my_keys.ROUTES,
    *pages_step_up.ROUTES,
    *pages_preferences.ROUTES,
    *pages_help.ROUTES,
)

# The top bar, left to right. A link stands here from the day its page exists.
LINKS: tuple[Link, ...] = (
    Link(title="Home", href="/", permission="site.use"),
    Link(title="Centre", href="/centre", permission="centre.read"),
    Link(title="ERN", href="/erns", permission="ern.read"),
    Link(title="People", href="/people", permission="people.manage"),
    Link(title="Plugins", href="/plugins", permission="plugins.manage"),
)
