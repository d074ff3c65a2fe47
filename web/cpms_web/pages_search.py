"""Find: coded terms while somebody types, and the search of the top bar."""

from cpms_core import Answer, Data, Page, route, words
from cpms_core.actor import Role
from cpms_core.audit import Event, record
from cpms_core.cases.finding import MOST, find_cases
from cpms_core.directory.people import find_people
from cpms_core.http.visit import PageVisit
from cpms_core.terminology.search import search

_SYSTEMS = frozenset({"hpo", "orpha", "omim"})
_LONGEST = 200


@route("GET", "/terms", permission="site.work", event=Event.TERMS_SEARCHED, rate="search")
def find_terms(visit: PageVisit) -> Answer:
    """`?systems=orpha omim&q=…`: what the term boxes of the forms ask."""
    wanted = f"{visit.query.get('systems', '')} {visit.query.get('system', '')}".split()
    systems = [system for system in dict.fromkeys(wanted) if system in _SYSTEMS]
    hits = search(visit.session, systems, visit.query.get("q", "")[:_LONGEST])
    record(visit.session, visit.actor, Event.TERMS_SEARCHED, hits=len(hits))
    return Data(value={"terms": hits})


@route("GET", "/search", permission="site.work", event=Event.SEARCHED, rate="search")
def find(visit: PageVisit) -> Answer:
    text = visit.query.get("q", "").strip()[:_LONGEST]
    found = find_cases(visit.session, visit.actor, visit.site.registry, text)
    terms = search(visit.session, sorted(_SYSTEMS), text, limit=8)
    # Who works where is for those inside the networks.
    people = find_people(visit.session, text) if visit.actor.roles - {Role.GUEST} else []
    hits = len(found) + len(terms) + len(people)
    record(visit.session, visit.actor, Event.SEARCHED, hits=hits)
    values = {
        "q": text,
        "cases": found,
        "most": MOST,
        "terms": terms,
        "people": people,
        "person": words.person,
    }
    return Page(template="web/search.html", values=values)


ROUTES = (find_terms, find)
