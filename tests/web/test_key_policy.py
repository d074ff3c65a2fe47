"""A production site's keys over HTTP: listed models that prove themselves, and no unsafe ones."""

from datetime import date
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.http.site import key_policy
from cpms_core.identity.key_models import import_metadata
from cpms_core.identity.metadata_file import read_metadata
from cpms_core.identity.models import SecurityKey
from cpms_core.identity.people import new_ticket
from cpms_core.settings import Settings
from tests import factories
from tests.metadata import Authority, edition, listed
from tests.site import ORIGIN, TestSite
from tests.softkey import MODEL, Maker, SoftKey

OTHER = "11111111-2222-4333-8444-555555555555"
EMAIL = "ana@example.org"
MAKER, OTHER_MAKER = Maker(), Maker("Other Maker")
AUTHORITY = Authority()
SIGNER = AUTHORITY.signer()


@pytest.fixture
def production(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> TestSite:
    """A site that allows one model, of whose certificates only a list knows."""
    settings = Settings(base_url=ORIGIN, allowed_aaguids=(MODEL,))
    monkeypatch.setattr(site.live, "key_policy", key_policy(settings))
    take(site, 1)
    return site


def take(
    site: TestSite, number: int, *reports: tuple[str, str | None], until: date | None = None
) -> None:
    """Import a list in which this maker's model is reported so."""
    entries = (
        listed(MAKER.root, *reports),
        listed(OTHER_MAKER.root, aaguid=OTHER, name="Key Two"),
    )
    blob = SIGNER.sign(edition(number, *entries, until=until))
    with site.transaction() as session:
        import_metadata(session, read_metadata(blob, AUTHORITY.root))


def enrol(site: TestSite, key: SoftKey, **misbehaviour: Any) -> Response:
    with site.transaction() as session:
        user = factories.make_user(session, email=EMAIL)
        ticket = new_ticket(session, site.live.key, user, created_by=None)
    link = f"/enrol/{ticket.token}"
    given = site.browser().post(f"{link}/begin", json={"code": ticket.code}).json()
    credential = key.enrol(given["publicKey"], **misbehaviour)
    answer = {"ceremony": given["ceremony"], "credential": credential}
    return site.browser().post(f"{link}/finish", json=answer)


def sign_in(site: TestSite, key: SoftKey) -> Response:
    browser = site.browser()
    given = browser.post("/sign-in/begin", json={"email": EMAIL}).json()
    answer = {"ceremony": given["ceremony"], "credential": key.sign_in(given["publicKey"])}
    return browser.post("/sign-in/finish", json=answer)


def refused(site: TestSite, answer: Response, told: str) -> None:
    assert answer.status_code == 422
    assert told in answer.text
    with site.transaction() as session:
        assert session.scalars(select(SecurityKey)).all() == []


def test_a_listed_model_with_its_makers_certificate_is_enrolled(production: TestSite) -> None:
    key = SoftKey(ORIGIN, maker=MAKER)
    assert enrol(production, key).status_code == 200
    assert sign_in(production, key).status_code == 200


def test_another_makers_chain_is_refused(production: TestSite) -> None:
    answer = enrol(production, SoftKey(ORIGIN, maker=OTHER_MAKER))
    refused(production, answer, "not issued by its maker")


def test_a_certificate_of_another_model_is_refused(production: TestSite) -> None:
    answer = enrol(production, SoftKey(ORIGIN, maker=MAKER, certified_aaguid=OTHER))
    refused(production, answer, "another model")


@pytest.mark.parametrize("fmt", ["self", "none"])
def test_a_key_that_vouches_for_itself_is_refused(production: TestSite, fmt: str) -> None:
    answer = enrol(production, SoftKey(ORIGIN, maker=MAKER), fmt=fmt)
    refused(production, answer, "did not prove who made it")


def test_a_model_that_the_list_knows_and_the_site_does_not_allow_is_refused(
    production: TestSite,
) -> None:
    answer = enrol(production, SoftKey(ORIGIN, maker=OTHER_MAKER, aaguid=OTHER))
    refused(production, answer, "does not accept this model")


def test_a_revoked_model_is_not_enrolled(production: TestSite) -> None:
    take(production, 2, ("REVOKED", "2026-01-01"))
    answer = enrol(production, SoftKey(ORIGIN, maker=MAKER))
    refused(production, answer, "reported as unsafe")


def test_a_running_site_stops_a_model_as_soon_as_a_list_says_so(production: TestSite) -> None:
    key = SoftKey(ORIGIN, maker=MAKER)
    enrol(production, key)
    take(production, 2, ("USER_KEY_REMOTE_COMPROMISE", "2026-01-01"))
    answer = sign_in(production, key)
    assert answer.status_code == 422
    assert "reported as unsafe" in answer.text
    assert "ask your centre manager" in answer.text
    take(production, 3)
    assert sign_in(production, key).status_code == 200


def test_a_list_that_is_out_of_date_warns_and_locks_nobody_out(production: TestSite) -> None:
    key = SoftKey(ORIGIN, maker=MAKER)
    take(production, 2, until=date(2025, 1, 1))
    assert enrol(production, key).status_code == 200
    assert sign_in(production, key).status_code == 200
    admin = production.person(Role.SYSTEM_ADMIN, hcp=None)
    assert "1 Jan 2025" in admin.get("/people").text
    manager = production.person(Role.CENTRE_MANAGER)
    assert "1 Jan 2025" not in manager.get("/people").text


def test_a_demonstration_enrols_a_revoked_model_too(site: TestSite) -> None:
    take(site, 1, ("REVOKED", "2026-01-01"))
    assert enrol(site, SoftKey(ORIGIN, maker=MAKER)).status_code == 200
