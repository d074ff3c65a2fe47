"""What every request goes through."""

import pytest

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
