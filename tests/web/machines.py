"""Programs with a token, as the tests about them share."""

from typing import Any
from uuid import UUID

from httpx import Response

from cpms_core.identity.api_tokens import SCOPES
from tests import factories
from tests.site import Browser, TestSite

EVERYTHING = tuple(SCOPES)


class Machine:
    """A program with a token and no cookies."""

    def __init__(self, site: TestSite, text: str) -> None:
        self.site, self.text = site, text

    def send(self, path: str, method: str = "GET", **options: Any) -> Response:
        headers = {"Authorization": f"Bearer {self.text}", **options.pop("headers", {})}
        return self.site.browser()._send(method, path, headers=headers, **options)


def machine_of(
    site: TestSite, person: Browser, *scopes: str, **values: Any
) -> tuple[Machine, UUID]:
    with site.transaction() as session:
        token_id, text = factories.make_api_token(
            session, person.actor.user_id, *(scopes or EVERYTHING), **values
        )
    return Machine(site, text), token_id


def case_of(site: TestSite, person: Browser, hcp: str = "FR10") -> str:
    with site.transaction() as session:
        patient = factories.make_patient(session, person.actor, hcp=hcp)
        return f"/cases/{factories.make_case(session, person.actor, patient).id}"
