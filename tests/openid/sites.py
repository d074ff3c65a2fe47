"""A site that knows sign-in providers, and the steps of a browser on its way through one."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from httpx import Response
from msgspec.structs import replace
from sqlalchemy import select

from cpms_core.actor import Actor
from cpms_core.audit import AuditEvent
from cpms_core.identity.models import FederatedIdentity, OpenIdRoundTrip, User
from cpms_core.settings import OpenIdProvider
from tests import factories
from tests.openid.fake import CLIENT, FakeProvider
from tests.site import ORIGIN, Browser, TestSite
from tests.web.key_person import Person

BACK = f"{ORIGIN}/sign-in/openid/back"


@contextmanager
def knowing(site: TestSite, *providers: OpenIdProvider) -> Iterator[TestSite]:
    """The same site, with these providers in its settings."""
    before = site.live.site
    settings = replace(before.settings, openid_providers=providers)
    site.live.site = replace(before, settings=settings)
    try:
        yield site
    finally:
        site.live.site = before


def of_fake(fake: FakeProvider, **values: Any) -> OpenIdProvider:
    given = {"key": "fake", "title": "Fake Login", "issuer": fake.issuer, "client_id": CLIENT}
    return OpenIdProvider(**given | values)


def link(site: TestSite, person: Person | Actor, issuer: str, subject: str) -> None:
    """As if this person had linked it."""
    with site.transaction() as session:
        user = session.get_one(User, person.user_id)
        factories.make_linked(session, user, issuer=issuer, subject=subject)


def begin(browser: Browser, key: str = "fake", **form: str) -> dict[str, str]:
    """Press the button; what the browser takes along to the provider."""
    sent = browser.post(f"/sign-in/openid/{key}", form)
    assert sent.status_code == 303, sent.text
    return asked_in(sent)


def begin_link(browser: Browser, key: str = "fake") -> dict[str, str]:
    """From the profile, with a touch of the key."""
    page = browser.post(f"/me/openid/{key}/link")
    assert page.status_code == 200, page.text
    sent = browser.post(form_of(page.text)[0])
    assert sent.status_code == 303, sent.text
    return asked_in(sent)


def asked_in(sent: Response) -> dict[str, str]:
    address = sent.headers["location"]
    return {"_address": address, **dict(parse_qsl(urlsplit(address).query))}


def come_back(browser: Browser, address: str) -> Response:
    """The page the provider leads to, and what its script does."""
    page = browser.get(address.removeprefix(ORIGIN))
    assert page.status_code == 200, page.text
    action, values = form_of(page.text)
    return browser.post(action, values)


def form_of(page: str) -> tuple[str, dict[str, str]]:
    (action,) = re.findall(r'<form[^>]* action="([^"]*)" data-onward>', page)
    values = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    return unescape(action), {name: unescape(value) for name, value in values}


def touch(person: Person, browser: Browser, page: Response, **options: Any) -> Response:
    """The key's ceremony on the page that follows the provider's word."""
    assert page.status_code == 200, page.text
    given = begin_key(browser, page)
    return browser.post("/sign-in/finish", json=person.answer(given, **options))


def begin_key(browser: Browser, page: Response) -> dict[str, Any]:
    (token,) = re.findall(r'name="token" value="([^"]*)"', page.text)
    begun = browser.post("/sign-in/openid/key", json={"token": token})
    assert begun.status_code == 200, begun.text
    given: dict[str, Any] = begun.json()
    return given


def refusal(site: TestSite) -> str:
    """Why the last one who came back was refused, as the audit has it."""
    with site.transaction() as session:
        newest = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)
        event = session.scalars(newest).one()
    assert event.tag == "site:openid:refused", event.tag
    return str(event.detail["reason"])


def round_trips(site: TestSite) -> int:
    with site.transaction() as session:
        return len(session.scalars(select(OpenIdRoundTrip)).all())


def linked(site: TestSite) -> list[tuple[str, Any]]:
    """Every linked account: its subject, and whose it is."""
    with site.transaction() as session:
        rows = session.execute(select(FederatedIdentity.subject, FederatedIdentity.user_id))
        return [(subject, user_id) for subject, user_id in rows]
