"""How often one may begin to sign in, counted for all workers alike.

Never so that a stranger who knows an address keeps its owner out.
"""

from datetime import timedelta

import pytest

from cpms_core.attempts import WINDOW
from cpms_core.clock import clock
from cpms_web.pages_sign_in import MOST_TRIES
from tests.site import TestSite


@pytest.fixture(autouse=True)
def _at_the_start_of_a_window() -> None:
    into = clock.now().timestamp() % WINDOW.seconds
    clock.offset += WINDOW - timedelta(seconds=into) + timedelta(seconds=1)


def begin(site: TestSite, email: str = "ada@example.org", behind: str = "") -> int:
    site.live.limiter.clear()  # as another worker would know nothing of it
    headers = {"X-Forwarded-For": behind} if behind else {}
    answer = site.browser().post("/sign-in/begin", json={"email": email}, headers=headers)
    return answer.status_code


def test_tries_for_one_address_end_and_go_on_later(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MOST_TRIES, "address", 3)
    assert [begin(site) for _ in range(5)] == [200] * 3 + [429] * 2
    assert begin(site, "ADA@example.org ") == 429
    assert begin(site, "bo@example.org") == 200
    clock.offset += WINDOW
    assert begin(site) == 200


def test_no_header_makes_another_client(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_TRIES, "network", 3)
    for number in range(3):
        assert begin(site, f"{number}@example.org", behind=f"198.51.100.{number}") == 200
    assert begin(site, "9@example.org", behind="198.51.100.9") == 429


def test_the_owner_gets_in_while_somebody_elsewhere_tries_the_address(
    site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cpms_core.http.kernel.client_address", _as_forwarded)
    monkeypatch.setitem(MOST_TRIES, "address", 3)
    assert [begin(site, behind="203.0.113.66") for _ in range(5)][-1] == 429
    assert begin(site, behind="198.51.100.1") == 200


def _as_forwarded(request: object, trusted: object) -> str:
    """The test client is no address, so it cannot be a trusted proxy."""
    del trusted
    return str(request.headers["x-forwarded-for"])  # type: ignore[attr-defined]  # a request


def test_the_site_as_a_whole_has_a_limit(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_TRIES, "site", 4)
    assert [begin(site, f"{n}@example.org") for n in range(6)] == [200] * 4 + [429] * 2
