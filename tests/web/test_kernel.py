"""What every request goes through."""

from typing import Any

import pytest

from cpms_core.actor import Role
from cpms_core.answers import Page
from cpms_core.errors import StoreUnavailableError
from cpms_core.http.limits import RATES
from cpms_core.http.render import Templates
from tests.site import TestSite


def test_a_stranger_is_asked_to_sign_in(site: TestSite) -> None:
    answer = site.browser().get("/sign-in")
    assert answer.status_code == 200
    assert "Sign in with your security key" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/health"])
def test_every_answer_carries_the_security_headers(site: TestSite, path: str) -> None:
    headers = site.browser().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["x-frame-options"] == "DENY"


def test_signing_out_ends_the_session(site: TestSite) -> None:
    clinician = site.person()
    token = clinician.token
    answer = clinician.post("/sign-out")
    assert answer.headers["location"] == "/sign-in"
    assert "cpms" not in clinician.cookies
    clinician.cookies["cpms"] = token
    assert clinician.post("/sign-out").status_code == 401
    assert site.events() == ["site:session:ended"]


def test_a_page_whose_event_cannot_be_kept_is_not_shown(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    clinician = site.person()

    def refuse(*_: object) -> None:
        raise StoreUnavailableError("The disk is full.")

    monkeypatch.setattr(site.live.shared_commit, "write", refuse)
    answer = clinician.get("/centre")
    assert answer.status_code == 503
    assert "The disk is full." in answer.text and "Our patients" not in answer.text
    assert answer.headers["retry-after"] == "5"
    monkeypatch.undo()
    assert clinician.get("/centre").status_code == 200
    assert site.events() == ["centre:patients:listed"]


def test_an_act_whose_page_cannot_be_made_is_not_kept(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp=None)
    render = Templates.render

    def fail_on_the_link(self: Templates, page: Page, *rest: Any) -> str:
        if page.template == "web/ticket.html":
            raise ZeroDivisionError
        return render(self, page, *rest)

    monkeypatch.setattr(Templates, "render", fail_on_the_link)
    values = {"name": "Dr New", "email": "new@example.org", "role": "professional", "hcp": "FR10"}
    answer = admin.post("/people/invite", values)
    assert answer.status_code == 500
    assert "Nothing of this step was kept" in answer.text
    assert "site:person:invited" not in site.events()


def test_made_up_sessions_share_the_bucket_of_their_address(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(RATES, "page", (3, 0.01))
    clinician, stranger = site.person(), site.browser()
    assert clinician.get("/centre").status_code == 200
    answers = []
    for number in range(4):
        stranger.cookies["cpms"] = f"made-up-{number}"
        answers.append(stranger.get("/centre"))
    assert [answer.status_code for answer in answers] == [303, 303, 429, 429]
    assert int(answers[-1].headers["retry-after"]) > 1
    assert clinician.get("/centre").status_code == 200
