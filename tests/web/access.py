"""Somebody asks for access and others decide, over HTTP: what the tests about it share."""

import re

from httpx import Response
from sqlalchemy import select

from cpms_core.identity.models import AccessRequest, RoleGrant
from tests.site import Browser, TestSite

ITHACA = {"ern": "ithaca", "centre": "FR10", "professional": "on", "comment": "genetics, ext. 4312"}


def ask(person: Browser, **changes: str) -> str:
    """The address of the new request."""
    answer = person.post("/access/new", ITHACA | changes)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def code_on(page: Response) -> str:
    found = re.search(r"<strong>(\w{4}-\w{4})</strong>", page.text)
    return found.group(1) if found else ""


def seen_on(page: Response) -> str:
    found = re.search(r'name="seen" value="(\d+)"', page.text)
    assert found, page.text[:2000]
    return found.group(1)


def decide(person: Browser, request: str, act: str, **form: str) -> Response:
    """As the page shows it to this person, so with the version it carries."""
    return person.post(
        f"{request}/{act}", {"seen": form.get("seen") or seen_on(person.get(request)), **form}
    )


def state_of(site: TestSite) -> str:
    with site.transaction() as session:
        return session.scalars(select(AccessRequest.state)).one()


def roles(site: TestSite, person: Browser) -> set[str]:
    with site.transaction() as session:
        grants = session.scalars(select(RoleGrant).where(RoleGrant.user_id == person.actor.user_id))
        return {f"{one.role} {one.ern_id or 'centre'}" for one in grants}
