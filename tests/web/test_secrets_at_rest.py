"""Whoever steals the store, its files and its logs gets in with nothing that is in them."""

import logging
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator

import pytest
from sqlalchemy import inspect, text

from cpms_core.identity.people import find_link
from cpms_core.identity.recovery_codes import use_code
from cpms_core.identity.tokens import csrf_matches
from tests.site import TestSite
from tests.web.key_person import EMAIL, Person, is_in
from tests.web.logs import every_line

# Lists that everybody can read elsewhere: what the site is delivered with.
DELIVERED = frozenset(
    {
        *("hcp", "ern", "country", "membership", "key_model", "alembic_version"),
        *("code_system", "concept", "concept_term", "concept_word"),
    }
)


def stolen(site: TestSite) -> Iterator[str]:
    """Every value of every row as text, and what is bytes also as digits and as base64."""
    with site.transaction() as session:
        for table in inspect(site.engine).get_table_names():
            if table in DELIVERED:
                continue
            for row in session.execute(text(f'SELECT * FROM "{table}"')):  # noqa: S608 - names of our own tables
                for value in row:
                    if isinstance(value, bytes | memoryview):
                        raw = bytes(value)
                        yield from (raw.hex(), urlsafe_b64encode(raw).decode().rstrip("="))
                        yield raw.decode("latin-1")
                    elif value is not None:
                        yield str(value)


def candidates(texts: list[str]) -> set[str]:
    """Every run of 16 to 128 characters that a token or a code could be."""
    found = {one for whole in texts for one in re.findall(r"[\w.~-]{16,128}", whole, re.ASCII)}
    return found | {part for one in found for part in one.split(".") if len(part) >= 16}


def test_nothing_that_is_stored_or_logged_opens_anything(
    site: TestSite, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    person = Person(site)
    browser = person.sign_in()
    person.begin(site.browser())
    page = browser.post("/me/recovery-codes").text
    codes = re.findall(r"\b[A-Z0-9]{4}(?:-[A-Z0-9]{4})+\b", page)
    assert len(codes) > 5
    admin = site.person("system_admin", hcp=None)
    new = {"name": "Eva New", "email": "eva@example.org", "role": "professional", "hcp": "FR10"}
    ticket = admin.post("/people/invite", new).text
    link = re.findall(r"/enrol/([\w-]{43})", ticket)[0]
    secrets = {browser.token, browser.csrf, admin.token, admin.csrf, link, *codes}
    secrets |= {code.replace("-", "") for code in codes}
    logged = every_line(caplog, capfd)
    found = candidates([*stolen(site), *logged])
    assert len(found) > 30
    assert not found & secrets
    for one in found:
        site.live.limiter.clear()
        assert not is_in(site.browser(one)), f"{one} is a session"
        assert site.browser().get(f"/enrol/{one}").status_code == 404, f"{one} is a link"
        assert not csrf_matches(browser.token.encode(), one), f"{one} is a form's token"
        with site.transaction() as session:
            use_code(session, EMAIL, one)
    assert "site:recovery:started" not in site.events()
    with site.transaction() as session:
        find_link(session, link)  # raises for one that is none
    assert is_in(browser), "the right ones still work"
