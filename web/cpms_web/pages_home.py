"""Home: what waits for the person who looks."""

from cpms_core import Answer, Page, route
from cpms_core.access import could
from cpms_core.audit import Event
from cpms_core.http.visit import PageVisit
from cpms_core.identity.preferences import is_introduced
from cpms_core.panels.home.home import read_home


@route("GET", "/", permission="site.use", event=Event.HOME_READ)
def show_home(visit: PageVisit) -> Answer:
    session, actor = visit.session, visit.actor
    values = {
        "is_introduced": is_introduced(session, actor),
        "home": read_home(session, actor, visit.site.registry, visit.site.settings.retention_years),
        "may_enrol": could(actor, "patient.enrol"),
        "may_manage": could(actor, "people.manage"),
    }
    return Page(template="web/home.html", values=values)


ROUTES = (show_home,)
