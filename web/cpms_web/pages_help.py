"""Help: the way of a case in six steps, and the words of this site."""

from cpms_core import Answer, Page, route
from cpms_core.audit import Event, record
from cpms_core.http.visit import PageVisit


@route("GET", "/help", permission="site.use", event=Event.HELP_READ)
def show_help(visit: PageVisit) -> Answer:
    record(visit.session, visit.actor, Event.HELP_READ)
    return Page(template="web/help.html", values={})


ROUTES = (show_help,)
