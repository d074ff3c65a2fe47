"""People of a journey: each with a browser and a security key of their own."""

import re
from typing import Any

from httpx import Response

from tests.site import ORIGIN, Browser, TestSite
from tests.softkey import SoftKey


class Someone:
    """Enrols a software key from a link, signs in with it, and signs with it."""

    def __init__(self, site: TestSite, email: str) -> None:
        self.email = email
        self.key = SoftKey(ORIGIN)
        self.browser: Browser = site.browser()

    def enrol(self, link: str, code: str = "") -> None:
        path = link.removeprefix(ORIGIN)
        begun = self._json(f"{path}/begin", code=code)
        credential = self.key.enrol(begun["publicKey"])
        self._json(f"{path}/finish", ceremony=begun["ceremony"], credential=credential)

    def sign_in(self) -> None:
        begun = self._json("/sign-in/begin", email=self.email)
        credential = self.key.sign_in(begun["publicKey"])
        self._json("/sign-in/finish", ceremony=begun["ceremony"], credential=credential)

    def confirm(self, begin: str, finish: str) -> dict[str, Any]:
        """A ceremony that signs an act: the two addresses of the page's own form."""
        begun = self._json(begin)
        credential = self.key.sign_in(begun["publicKey"])
        return self._json(finish, ceremony=begun["ceremony"], credential=credential)

    def read(self, path: str) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:3000]}"
        return answer.text

    def act(self, path: str, data: dict[str, Any]) -> Response:
        """Send a form and follow the redirect; the page it leads to."""
        answer = self.browser.follow(self.browser.post(path, data))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:3000]}"
        return answer

    def _json(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.browser.post(path, json=body, headers={"Accept": "application/json"})
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        found: dict[str, Any] = answer.json()
        return found


def link_and_code(page: str) -> tuple[str, str]:
    """What an inviter reads off the page after inviting somebody."""
    link = re.search(r"http://localhost:8000/enrol/[\w-]+", page)
    code = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", page)
    assert link, page[:3000]
    assert code, page[:3000]
    return link[0], code[0]
