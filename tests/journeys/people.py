"""People of a journey: each with a browser and a security key of their own."""

import re
from html.parser import HTMLParser
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

    def act(self, page: str, path: str, **fields: str | list[str]) -> Response:
        """Fill the form of `page` that goes to `path`, send it, and follow the redirect."""
        hidden = hidden_inputs(page, path)
        answer = self.browser.follow(self.browser.post(path, {**hidden, **fields}))
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:3000]}"
        return answer

    def _json(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self.browser.post(path, json=body, headers={"Accept": "application/json"})
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:2000]}"
        found: dict[str, Any] = answer.json()
        return found


def hidden_inputs(page: str, path: str) -> dict[str, str | list[str]]:
    """What a browser sends of the form that goes to `path` besides what a person fills in."""
    reader = _HiddenInputs(path)
    reader.feed(page)
    assert reader.has_form, f"no form goes to {path}:\n{page[:6000]}"
    return dict(reader.found)


class _HiddenInputs(HTMLParser):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self._is_inside = False
        self.has_form = False
        self.found: dict[str, str | list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self._is_inside = given.get("action", "") == self._path
            self.has_form |= self._is_inside
        if tag == "input" and self._is_inside and given.get("type") == "hidden":
            self.found[given.get("name") or ""] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False


def link_and_code(page: str) -> tuple[str, str]:
    """What an inviter reads off the page after inviting somebody."""
    link = re.search(r"http://localhost:8000/enrol/[\w-]+", page)
    code = re.search(r"\b[0-9A-Z]{4}-[0-9A-Z]{4}\b", page)
    assert link, page[:3000]
    assert code, page[:3000]
    return link[0], code[0]
