"""Names and addresses that look alike, and texts, numbers and days that are none."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy import select

from cpms_core.clock import clock
from cpms_core.identity.models import User
from cpms_core.identity.own_keys import ADD
from cpms_core.identity.people import new_ticket
from tests import factories
from tests.site import Browser, TestSite
from tests.web.attempts import CONSENT, PATIENT, PERSON
from tests.web.matrix import Matrix

SAME = (
    *("Ana@Example.org", " ana@example.org\t", "ana@EXAMPLE.ORG", "\uff41\uff4e\uff41@example.org"),
    *("ana@\uff45xample.org", "ªna@example.org", "ana﹫example.org"),
)
"""By case, by width, by what Unicode calls compatible."""
ALIKE = {
    "a Cyrillic a": "\u0430na@example.org",
    "a Greek o": "ana@example.\u03bfrg",
    "a Cyrillic a in the domain": "ana@ex\u0430mple.org",
    "a wide comma": "ana@example\uff0corg",
    "i without a dot": "\u0131nes@example.org",
    "I with a dot": "İnes@example.org",
    "an accent": "aná@example.org",
    "an accent of its own": "ana\u0301@example.org",
    "a space without width": "ana\u200b@example.org",
    "a joiner": "ana\u200d@example.org",
    "a soft hyphen": "ana@exam\u00adple.org",
    "right to left": "\u202eana@example.org",
    "a mark": "\ufeffana@example.org",
    "a slash that is none": "ana@example.org\u2044x",
    "two at once": "ana@example.org,eva@example.org",
    "two signs": "ana@ana@example.org",
    "a line end": "ana@example.org\r\nBcc: x@example.org",
    "NUL": "ana@example.org\x00",
    "a name": "Ana <ana@example.org>",
    "no end": "ana@example..org",
}
"""Not the same to a program, and nearly or wholly the same to whoever reads it."""
HIDDEN = {
    "right to left": "Ana \u202eavoN",
    "isolated": "\u2066Ana\u2069 Nova",
    "no width": "Ana\u200b Nova",
    "a joiner": "Ana\u200d Nova",
    "a mark": "\ufeffAna Nova",
    "colours": "Ana \x1b[31mNova",
    "a tag": "Ana Nova\U000e0041",
    "filler": "\u3164\u3164",
    "only spaces": "\u2003\u00a0 ",
}


def invited(admin: Browser, **values: str) -> int:
    return admin.post("/people/invite", {**PERSON, **values}).status_code


def addresses(site: TestSite) -> list[str]:
    with site.transaction() as session:
        return list(session.scalars(select(User.email).where(User.name.like("Ana%"))))


def test_one_address_however_it_is_written_is_one_account(site: TestSite) -> None:
    admin = site.person("system_admin", hcp=None, name="Root")
    for written in SAME:
        assert invited(admin, name="Ana Nova", email=written) == 200, written
    assert addresses(site) == ["ana@example.org"]


def test_a_domain_with_accents_is_one_however_it_is_spelt(quick_site: TestSite) -> None:
    admin = quick_site.person("system_admin", hcp=None, name="Root")
    for written in ("ana@klinik-köln.de", "Ana@KLINIK-KÖLN.DE", "ana@klinik-ko\u0308ln.de"):
        assert invited(admin, name="Ana Nova", email=written) == 200, written
    assert addresses(quick_site) == ["ana@xn--klinik-kln-lcb.de"]
    assert invited(admin, name="Ana Nova", email="ana@xn--klinik-kln-lcb.de") == 200
    # Two domains, which two clinics may have.
    assert invited(admin, name="Ana Weiss", email="ana@weiss.de") == 200
    assert invited(admin, name="Ana Weiß", email="ana@weiß.de") == 200
    assert len(set(addresses(quick_site))) == 3
    begun = quick_site.browser().post("/sign-in/begin", json={"email": "ana@klinik-köln.de"})
    assert begun.status_code == 200
    for written in (
        "ana@-köln.de",
        "ana@kö--ln.de",
        "ana@köln",
        f"ana@{'ö' * 300}.de",
        "ö@köln.de",
    ):
        assert invited(admin, name="Ana Nova", email=written) == 422, written


def test_an_address_that_only_looks_like_another_is_refused(quick_site: TestSite) -> None:
    admin = quick_site.person("system_admin", hcp=None, name="Root")
    assert invited(admin, name="Ana Nova", email="ana@example.org") == 200
    for what, written in ALIKE.items():
        assert invited(admin, name="Ana Other", email=written) == 422, what
        joining = {"name": "Ana Other", "email": written}
        assert quick_site.browser().post("/join/begin", json=joining).status_code == 422, what
    assert addresses(quick_site) == ["ana@example.org"]


def test_a_name_holds_nothing_that_nobody_sees(quick_site: TestSite) -> None:
    admin = quick_site.person("system_admin", hcp=None, name="Root")
    for what, written in HIDDEN.items():
        assert invited(admin, name=written, email="b@example.org") == 422, what
    assert invited(admin, name="Ana\u00a0 Nova\r\n Third", email="c@example.org") == 200
    with quick_site.transaction() as session:
        named = select(User.name).where(User.email == "c@example.org")
        assert session.scalars(named).one() == "Ana Nova Third"


READ = {
    "/sign-in/begin": ("email",),
    "/sign-in/finish": ("ceremony", "credential"),
    "/join/begin": ("name", "email"),
    "/join/finish": ("name", "email", "ceremony", "credential"),
    "/step-up/begin": ("_act", "_subject"),
    "/step-up/finish": ("_act", "_subject", "ceremony", "credential"),
    "/enrol/{}/begin": ("code",),
    "/enrol/{}/finish": ("ceremony", "credential"),
}
"""What each address reads of the JSON that it is sent."""
NO_TEXTS: tuple[object, ...] = (
    [],
    ["a@example.org"],
    {},
    {"id": ["AA"]},
    None,
    True,
    1,
    1.5,
    "x" * 1_000_000,
)


def test_nothing_else_in_json_is_taken_for_a_text(quick_site: TestSite) -> None:
    with quick_site.transaction() as session:
        user = factories.make_user(session)
        link = new_ticket(session, quick_site.live.key, user, created_by=None).token
    signed_in = quick_site.person()
    typed = {"email": "a@example.org", "name": "Ana Nova", "code": "", "_act": ADD, "_subject": ""}
    typed |= {"ceremony": "0" * 32}
    for path, keys in READ.items():
        browser = signed_in if path.startswith("/step-up") else quick_site.browser()
        for key, value in product(keys, NO_TEXTS):
            quick_site.live.limiter.clear()
            sent = {**typed, "credential": {"id": "AA"}, key: value}
            answer = browser.post(path.format(link), json=sent)
            assert answer.status_code in {403, 422}, f"{path} {key}={str(value)[:40]}"


DAYS: Mapping[str, bool] = {
    "2024-02-29": True,
    "1910-01-01": True,
    "2023-02-29": False,
    "2024-02-30": False,
    "2024-13-01": False,
    "0000-01-01": False,
    "0001-01-01": False,
    "-001-01-01": False,
    "9999-12-31": False,
    "10000-01-01": False,
    "2024-W01-1": True,
    "20240101": True,
    "\u0662\u0660\u0662\u0664-01-01": False,
    "1e3-01-01": False,
    "NaN": False,
    "inf": False,
    "2024-02-29T00:00": False,
    "1" * 400: False,
}
"""Whether ISO 8601 has it and somebody who lives can have been born, or have signed, on it."""


@pytest.mark.parametrize(
    ("path", "field", "form"),
    [
        ("/centre/patients/new", "birth_date", PATIENT),
        ("/patients/{patient_id}/consents", "given_on", CONSENT),
    ],
)
def test_a_day_that_is_none_or_not_yet_is_refused(
    quick_site: TestSite, path: str, field: str, form: Mapping[str, str]
) -> None:
    matrix = Matrix(quick_site, "assessment")
    browser = matrix.world["professional"]
    address = path.format(**matrix.world.values)
    tomorrow = (clock.today() + timedelta(days=2)).isoformat()
    too_old = f"{clock.today().year - 131}-06-01"
    for text, is_day in {**DAYS, tomorrow: False, too_old: False}.items():
        answer = browser.post(address, {**form, field: text})
        assert answer.status_code == (303 if is_day else 422), text[:40]
        if is_day:
            matrix.restore()


PAGES = (
    *("0", "-1", "1.5", "NaN", "1e400", "\u0663", "\u00bd", "\u00b2", "0x10", " 2 ", "1_000"),
    *("999999", "1000000000", "9" * 400, ""),
)


def test_a_page_beyond_the_last_is_the_last_and_nonsense_is_the_first(
    quick_site: TestSite,
) -> None:
    matrix = Matrix(quick_site, "assessment")
    admin = matrix.world["system administrator"]
    for path in ("/people", "/audit"):
        first = admin.get(path)
        assert first.status_code == 200
        for page in PAGES:
            answer = admin.get(path, params={"page": page})
            assert answer.status_code == 200, f"{path} {page}"
    coordinator = matrix.world["coordinator"]
    for page in PAGES:
        answer = coordinator.get("/erns/ithaca", params={"page": page})
        assert matrix.world.values["panel_id"] in answer.text, page
