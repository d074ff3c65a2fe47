"""Requests that another site, another name or nobody sent; and what every answer carries."""

import re
import secrets
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select

from cpms_core.identity.models import SignInSession
from tests.site import Browser, TestSite
from tests.web.key_person import is_in


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found[1]


ATTACKS: dict[str, Callable[[Browser], dict[str, Any]]] = {
    "no token": lambda _: {"headers": {"X-CSRF-Token": ""}},
    "another session's token": lambda _: {"headers": {"X-CSRF-Token": secrets.token_urlsafe(32)}},
    "a token that is not ASCII": lambda _: {"headers": {"X-CSRF-Token": "ä".encode() * 21}},
    "a token of 1 MB in a form": lambda browser: {
        "headers": {"X-CSRF-Token": ""},
        "data": {"csrf_token": browser.csrf * 24_000},
    },
    "a token as a file": lambda browser: {
        "headers": {"X-CSRF-Token": ""},
        "files": {"csrf_token": ("token", browser.csrf.encode())},
    },
    "another site": lambda _: {"headers": {"Sec-Fetch-Site": "cross-site"}},
    "a sibling site": lambda _: {"headers": {"Sec-Fetch-Site": "same-site"}},
    "another origin": lambda _: {"headers": {"Origin": "https://evil.example"}},
    "a hidden origin": lambda _: {"headers": {"Origin": "null"}},
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_forged_form_does_nothing(site: TestSite, attack: str) -> None:
    browser = site.person()
    answer = browser.post("/sign-out", **ATTACKS[attack](browser))
    assert answer.status_code == 403
    assert is_in(browser)


HOSTS = ("evil.example", "localhost", "localhost:8001", "127.0.0.1:8000", "localhost.:8000", "")


@pytest.mark.parametrize("path", ["/sign-in", "/nowhere", "/assets/web/x/app.css"])
def test_another_host_is_told_the_right_address(site: TestSite, path: str) -> None:
    for host in HOSTS:
        answer = site.browser().get(path, headers={"Host": host})
        assert answer.status_code == 400, host
        assert '<a href="http://localhost:8000">' in answer.text
        assert "set-cookie" not in answer.headers


def test_health_answers_under_every_host(site: TestSite) -> None:
    answer = site.browser().get("/health", headers={"Host": "10.0.0.7"})
    assert answer.status_code == 200


def test_strangers_leave_no_trace_and_get_no_cookie(site: TestSite) -> None:
    for path in ("/sign-in", "/me", "/nowhere", "/enrol/" + "A" * 43):
        assert "set-cookie" not in site.browser().get(path).headers
        assert "set-cookie" not in site.browser("made-up").get(path).headers
    with site.transaction() as session:
        assert session.scalar(select(func.count()).select_from(SignInSession)) == 0
    assert site.events() == []


@pytest.mark.parametrize(
    ("path", "status"), [("/me", 200), ("/people", 403), ("/nowhere", 404), ("/help", 200)]
)
def test_every_answer_to_somebody_signed_in_carries_the_headers(
    site: TestSite, path: str, status: int
) -> None:
    answer = site.person().get(path)
    assert answer.status_code == status
    headers = answer.headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    policy = headers["content-security-policy"]
    assert "unsafe" not in policy
    for part in ("default-src 'none'", "object-src 'none'", "base-uri 'none'"):
        assert part in policy
    nonce = _found(r"'nonce-([\w-]+)'", policy)
    assert f'nonce="{nonce}"' in answer.text
    assert "etag" not in headers


def test_the_nonce_is_fresh_each_time(site: TestSite) -> None:
    nonces = {
        _found(r"'nonce-([\w-]+)'", site.browser().get("/sign-in").headers[_CSP]) for _ in range(3)
    }
    assert len(nonces) == 3


_CSP = "content-security-policy"


WAYS = (
    *("X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-HTTP-Method", "X-User"),
    *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "Forwarded"),
)


def test_no_header_changes_what_is_asked_for_or_by_whom(quick_site: TestSite) -> None:
    own, stranger = quick_site.person(), quick_site.browser()
    for browser, path in ((own, "/help"), (stranger, "/sign-in"), (stranger, "/help")):
        expected = _shown(browser.get(path))
        for way, value in product(WAYS, ("/people", "POST", "evil.example")):
            answer = browser.get(path, headers={way: value})
            assert _shown(answer) == expected, f"{path} with {way}: {value}"
    assert quick_site.events() == ["site:help:read"] * (1 + len(WAYS) * 3)


def _shown(answer: Response) -> tuple[int, str | None, str]:
    text = re.sub(r'nonce="[^"]*"|data-session-ends="\d+"', "", answer.text)
    return answer.status_code, answer.headers.get("location"), text
