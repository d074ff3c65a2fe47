"""How long a session still lasts, as the pages tell their script; asking must not keep it alive."""

import re
from datetime import timedelta
from uuid import UUID

import pytest

from cpms_core.clock import clock
from tests.site import Browser, TestSite
from tests.web.key_person import is_in

QUIET = {"X-Background": "true", "Accept": "application/json"}


def pass_time(**time: float) -> None:
    clock.offset += timedelta(**time)


def asked(browser: Browser, **headers: str) -> int:
    seconds: int = browser.get("/me/session", headers=headers).json()["seconds"]
    return seconds


def test_every_page_says_how_long_the_session_lasts(site: TestSite) -> None:
    ana = site.person()
    for path in ("/help", "/people", f"/cases/{UUID(int=1)}"):
        found = re.search(r'data-session-ends="(\d+)"', ana.get(path).text)
        assert found, path
        assert 14 * 60 < int(found[1]) <= 15 * 60
    assert "data-session-ends" not in site.browser().get("/sign-in").text


def test_asking_in_the_background_keeps_nothing_alive(site: TestSite) -> None:
    ana = site.person()
    for _ in range(7):
        pass_time(minutes=2)
        asked(ana, **QUIET)
    assert 0 < asked(ana, **QUIET) <= 60
    pass_time(minutes=1)
    assert ana.get("/me/session", headers=QUIET).status_code == 401
    assert not is_in(ana)


def test_whoever_stays_is_signed_in_for_as_long_again(site: TestSite) -> None:
    ana = site.person()
    pass_time(minutes=14)
    assert asked(ana) > 14 * 60
    pass_time(minutes=14)
    assert is_in(ana)


def test_nobody_stays_beyond_twelve_hours(site: TestSite) -> None:
    ana = site.person()
    for _ in range(12 * 6 - 1):
        pass_time(minutes=10)
        asked(ana)
    assert 9 * 60 < asked(ana) <= 10 * 60


@pytest.mark.parametrize("method", ["get", "post"])
def test_no_request_in_the_background_is_activity(site: TestSite, method: str) -> None:
    ana = site.person()
    pass_time(minutes=14)
    if method == "get":
        assert ana.get("/help", headers=QUIET).status_code == 200
    else:
        answer = ana.post("/people/invite", headers=QUIET)
        assert answer.status_code == 403
    pass_time(minutes=1, seconds=1)
    assert not is_in(ana)
