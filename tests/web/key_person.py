"""Somebody who signs in with a software key, over HTTP and nothing else."""

from typing import Any

from httpx import Response

from cpms_core.identity.people import new_ticket
from tests import factories
from tests.site import ORIGIN, Browser, TestSite
from tests.softkey import SoftKey

EMAIL = "ana@example.org"


class Person:
    """Somebody with a software key, enrolled over HTTP."""

    def __init__(self, site: TestSite, email: str = EMAIL) -> None:
        self.site, self.email, self.key = site, email, SoftKey(ORIGIN)
        with site.transaction() as session:
            user = factories.make_user(session, email=email, name="Ana Nováková")
            ticket = new_ticket(session, site.live.key, user, created_by=None)
        self.user_id, self.link, self.code = user.id, f"/enrol/{ticket.token}", ticket.code
        begun = self.begin_enrolment(self.code)
        assert begun.status_code == 200, begun.text
        given = begun.json()
        answer = {"ceremony": given["ceremony"], "credential": self.key.enrol(given["publicKey"])}
        done = site.browser().post(f"{self.link}/finish", json=answer)
        assert done.json() == {"redirect": "/sign-in"}, done.text

    def begin_enrolment(self, code: str) -> Response:
        return self.site.browser().post(f"{self.link}/begin", json={"code": code})

    def begin(self, browser: Browser) -> dict[str, Any]:
        begun = browser.post("/sign-in/begin", json={"email": self.email})
        assert begun.status_code == 200, begun.text
        given: dict[str, Any] = begun.json()
        return given

    def answer(self, given: dict[str, Any], **options: Any) -> dict[str, Any]:
        credential = self.key.sign_in(given["publicKey"], **options)
        return {"ceremony": given["ceremony"], "credential": credential, "next": "/me"}

    def sign_in(self, browser: Browser | None = None) -> Browser:
        browser = browser or self.site.browser()
        answer = self.answer(self.begin(browser))
        done = browser.post("/sign-in/finish", json=answer)
        assert done.json() == {"redirect": "/me"}, done.text
        return browser


def is_in(browser: Browser) -> bool:
    return browser.get("/me").status_code == 200
