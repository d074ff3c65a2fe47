"""A lost key: two people bring its owner back, and everybody concerned sees it."""

import re
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.errors import ForbiddenError
from cpms_core.identity.models import AccountLink, Recovery, RecoveryCode, SecurityKey, User
from cpms_core.identity.recovery import confirm_recovery
from tests.site import ORIGIN, Browser, TestSite
from tests.softkey import SoftKey
from tests.web.key_person import EMAIL, Person, is_in

REASON = {"reason": "Lost on the train."}
CHECKED = {"checked": "on"}


def helper(site: TestSite, role: Role = Role.SYSTEM_ADMIN, hcp: str | None = None) -> Browser:
    return site.person(role, hcp=hcp, name=f"Dr {role.title()}")


def start(browser: Browser, person: UUID) -> int:
    return browser.post(f"/people/{person}/recovery", REASON).status_code


def asked(browser: Browser, person: UUID) -> str:
    """Where the page lets this reader confirm; empty if it does not."""
    page = browser.get(f"/people/{person}").text
    found = re.search(r'action="(/recoveries/[^"]*/confirm)"', page)
    return found[1] if found else ""


def open_one(site: TestSite) -> str:
    with site.transaction() as session:
        newest = select(Recovery.id).order_by(Recovery.started_at.desc(), Recovery.id.desc())
        return f"/recoveries/{session.scalars(newest.limit(1)).one()}"


def secrets_of(page: str) -> tuple[list[str], list[str]]:
    return (
        re.findall(r"<strong>http://localhost:8000(/enrol/[\w-]{43})</strong>", page),
        re.findall(r"<strong>(\w{4}-\w{4})</strong>", page),
    )


def codes_of(page: str) -> list[str]:
    return re.findall(r"(\w{4}(?:-\w{4}){6})", page)


def enrol_again(person: Person, page: str) -> None:
    (person.link,), (code,) = secrets_of(page)
    person.key = SoftKey(ORIGIN)
    given = person.begin_enrolment(code).json()
    answer = {"ceremony": given["ceremony"], "credential": person.key.enrol(given["publicKey"])}
    assert person.site.browser().post(f"{person.link}/finish", json=answer).status_code == 200


def test_two_people_bring_somebody_back_and_everybody_sees_it(site: TestSite) -> None:
    person = Person(site)
    lost = person.sign_in()
    admin, manager = helper(site), helper(site, Role.CENTRE_MANAGER, "FR10")
    assert start(admin, person.user_id) == 303
    assert is_in(lost), "nothing has changed yet"
    assert asked(admin, person.user_id) == ""
    page = manager.post(asked(manager, person.user_id), CHECKED).text
    assert not is_in(lost)
    assert [len(found) for found in secrets_of(page)] == [1, 1]
    enrol_again(person, page)
    back = person.sign_in()
    profile = back.get("/me").text
    assert "Your keys were replaced" in profile
    for name in ("Dr System_Admin", "Dr Centre_Manager"):
        assert name in profile
        assert name in admin.get(f"/people/{person.user_id}").text
    assert {"site:recovery:started", "site:recovery:confirmed"} <= set(site.events())


def test_whoever_starts_does_not_confirm(site: TestSite) -> None:
    person, admin = Person(site), helper(site)
    start(admin, person.user_id)
    refused = admin.post(f"{open_one(site)}/confirm", CHECKED)
    assert refused.status_code == 403
    assert "Somebody else who knows the person" in refused.text
    with site.transaction() as session:
        assert session.scalars(select(AccountLink).where(AccountLink.used_at.is_(None))).all() == []


def test_nobody_helps_themselves(site: TestSite) -> None:
    admin, other = helper(site), helper(site)
    assert start(admin, admin.actor.user_id) == 403
    start(other, admin.actor.user_id)
    assert admin.post(f"{open_one(site)}/confirm", CHECKED).status_code == 403


def test_nothing_happens_before_the_identity_is_checked(site: TestSite) -> None:
    person, admin, other = Person(site), helper(site), helper(site)
    start(admin, person.user_id)
    refused = other.post(asked(other, person.user_id))
    assert refused.status_code == 422
    assert "made sure who it is" in refused.text
    assert is_in(person.sign_in())


def test_a_reason_is_needed_and_what_was_typed_is_kept(site: TestSite) -> None:
    person, admin = Person(site), helper(site)
    page = admin.post(f"/people/{person.user_id}/recovery", {"reason": " "})
    assert page.status_code == 422
    assert "what happened to the key" in page.text
    long = admin.post(f"/people/{person.user_id}/recovery", {"reason": "long " * 200})
    assert long.status_code == 422 and "long long" in long.text


@pytest.mark.parametrize(
    ("role", "hcp", "ern", "may"),
    [
        (Role.SYSTEM_ADMIN, None, None, True),
        (Role.CENTRE_MANAGER, "FR10", None, True),
        (Role.COORDINATOR, "CZ01", "ithaca", True),
        (Role.CENTRE_MANAGER, "CZ01", None, False),
        (Role.COORDINATOR, "FR10", "erknet", False),
        (Role.DISPATCHER, "FR10", "ithaca", False),
        (Role.PROFESSIONAL, "FR10", None, False),
    ],
)
def test_those_of_the_persons_centre_and_ern_may_help_and_nobody_else(
    site: TestSite, role: Role, hcp: str | None, ern: str | None, may: bool
) -> None:
    owner = site.person(Role.RESEARCHER, hcp="FR10", ern="ithaca").actor.user_id
    browser = site.person(role, hcp=hcp, ern=ern)
    assert (start(browser, owner) == 303) == may
    if not may:
        start(helper(site), owner)
        assert browser.post(f"{open_one(site)}/confirm", CHECKED).status_code in {403, 404}
        assert browser.post(f"{open_one(site)}/give-up").status_code in {403, 404}


def test_a_system_administrator_is_helped_by_others_alone(site: TestSite) -> None:
    admin = site.person(Role.SYSTEM_ADMIN, hcp="FR10").actor.user_id
    assert start(helper(site, Role.CENTRE_MANAGER, "FR10"), admin) == 403
    assert start(helper(site), admin) == 303


def test_the_last_administrator_who_can_sign_in_keeps_the_keys(site: TestSite) -> None:
    first, second = helper(site), helper(site)
    start(second, first.actor.user_id)
    third = helper(site)
    with site.transaction() as session:
        # Both helpers have lost their keys meanwhile; a request of theirs is still under way.
        for browser in (second, third):
            key = SecurityKey.user_id == browser.actor.user_id
            session.scalars(select(SecurityKey).where(key)).one().flagged_at = clock.now()
    recovery_id = UUID(open_one(site).rpartition("/")[2])
    with site.transaction() as session, pytest.raises(ForbiddenError, match="last system"):
        confirm_recovery(session, third.actor, site.live.key, recovery_id, is_checked=True)
    assert is_in(first)


def test_one_that_nobody_confirms_ends_after_72_hours(site: TestSite) -> None:
    person, admin, other = Person(site), helper(site), helper(site)
    start(admin, person.user_id)
    address = asked(other, person.user_id)
    clock.offset = timedelta(hours=72, seconds=1)
    late = site.sign_in_again(other.actor.user_id)
    assert late.post(address, CHECKED).status_code == 409
    assert asked(late, person.user_id) == ""
    assert start(late, person.user_id) == 303


def test_it_can_be_given_up_and_is_over_then(site: TestSite) -> None:
    person, admin, other = Person(site), helper(site), helper(site)
    start(admin, person.user_id)
    assert start(other, person.user_id) == 409
    address = asked(other, person.user_id)
    assert admin.post(f"{open_one(site)}/give-up").status_code == 303
    assert other.post(address, CHECKED).status_code == 409
    assert is_in(person.sign_in())
    assert "site:recovery:given_up" in site.events()


def test_the_person_sees_it_coming_and_can_stop_it(site: TestSite) -> None:
    person, admin, other = Person(site), helper(site), helper(site)
    browser = person.sign_in()
    start(admin, person.user_id)
    address = asked(other, person.user_id)
    assert "about to be replaced" in browser.get("/me").text
    assert browser.post("/me/recovery/stop").status_code == 303
    assert other.post(address, CHECKED).status_code == 409
    assert browser.post("/me/recovery/stop").status_code == 409
    assert is_in(browser)


def test_it_is_not_confirmed_if_the_one_who_started_may_not_any_more(site: TestSite) -> None:
    person, admin, other = Person(site), helper(site), helper(site)
    start(admin, person.user_id)
    with site.transaction() as session:
        session.get_one(User, admin.actor.user_id).disabled_at = clock.now()
    refused = other.post(asked(other, person.user_id), CHECKED)
    assert refused.status_code == 403
    assert "Give it up" in refused.text


def test_it_happens_once(site: TestSite) -> None:
    person, admin, other, third = Person(site), helper(site), helper(site), helper(site)
    start(admin, person.user_id)
    address = asked(other, person.user_id)
    page = other.post(address, CHECKED).text
    assert third.post(address, CHECKED).status_code == 409
    (link,), _ = secrets_of(page)
    assert site.browser().get(link).status_code == 200


def make_codes(browser: Browser) -> list[str]:
    codes = codes_of(browser.post("/me/recovery-codes").text)
    assert len(set(codes)) == 8
    return codes


def enter(site: TestSite, email: str, code: str) -> str:
    answer = site.browser().post("/recover", {"email": email, "code": code})
    assert answer.status_code == 200
    return re.sub(r'nonce="[^"]*"', "", answer.text)


def count_open(site: TestSite) -> int:
    with site.transaction() as session:
        return len(session.scalars(select(Recovery).where(Recovery.ended_at.is_(None))).all())


def test_a_recovery_code_takes_the_first_step_and_one_person_the_second(site: TestSite) -> None:
    person, admin = Person(site), helper(site)
    codes = make_codes(person.sign_in())
    enter(site, f" {EMAIL.upper()}", codes[3].lower().replace("-", " "))
    assert count_open(site) == 1
    page = admin.post(asked(admin, person.user_id), CHECKED).text
    enrol_again(person, page)
    assert "one of your recovery codes" in person.sign_in().get("/me").text
    enter(site, EMAIL, codes[4])
    assert count_open(site) == 0, "the codes ended with the keys"


def test_a_code_signs_nobody_in_and_changes_nothing_by_itself(site: TestSite) -> None:
    person = Person(site)
    browser = person.sign_in()
    enter(site, EMAIL, make_codes(browser)[0])
    assert is_in(browser)
    with site.transaction() as session:
        assert session.scalars(select(AccountLink).where(AccountLink.used_at.is_(None))).all() == []


def test_a_code_works_once_and_for_its_owner_alone(site: TestSite) -> None:
    person, other = Person(site), Person(site, "eva@example.org")
    codes = make_codes(person.sign_in())
    enter(site, other.email, codes[0])
    assert count_open(site) == 0
    enter(site, EMAIL, codes[0])
    helper(site).post(f"{open_one(site)}/give-up")
    enter(site, EMAIL, codes[0])
    assert count_open(site) == 0
    assert "7 codes left" in person.sign_in().get("/me/recovery-codes").text


def test_new_codes_end_the_ones_before(site: TestSite) -> None:
    browser = Person(site).sign_in()
    old, new = make_codes(browser), make_codes(browser)
    assert not set(old) & set(new)
    enter(site, EMAIL, old[0])
    assert count_open(site) == 0
    enter(site, EMAIL, new[0])
    assert count_open(site) == 1


def test_right_and_wrong_are_answered_alike(site: TestSite) -> None:
    person = Person(site)
    codes = make_codes(person.sign_in())
    right = enter(site, EMAIL, codes[0])
    wrong = (
        (EMAIL, "AAAA"),
        ("nobody@example.org", codes[1]),
        ("no address", ""),
        ("", "\u0130" * 9),
    )
    for email, code in wrong:
        assert enter(site, email, code) == right, email
    assert count_open(site) == 1


def test_a_disabled_persons_code_starts_nothing(site: TestSite) -> None:
    person = Person(site)
    code = make_codes(person.sign_in())[0]
    with site.transaction() as session:
        session.get_one(User, person.user_id).disabled_at = clock.now()
    enter(site, EMAIL, code)
    assert count_open(site) == 0


def test_a_code_lets_the_one_who_had_started_confirm(site: TestSite) -> None:
    person, admin = Person(site), helper(site)
    codes = make_codes(person.sign_in())
    start(admin, person.user_id)
    enter(site, EMAIL, codes[0])
    assert count_open(site) == 1
    assert admin.post(asked(admin, person.user_id), CHECKED).status_code == 200


def test_codes_cannot_be_tried_without_end(site: TestSite) -> None:
    for _ in range(10):
        enter(site, EMAIL, "AAAA")
    answer = site.browser().post("/recover", {"email": EMAIL, "code": "AAAA"})
    assert answer.status_code == 429


def test_the_store_holds_no_code(site: TestSite) -> None:
    codes = make_codes(Person(site).sign_in())
    with site.transaction() as session:
        kept = session.scalars(select(RecoveryCode.code_hash)).all()
    assert all(len(one) == 32 for one in kept)
    assert not any(code.replace("-", "").encode() in b"".join(kept) for code in codes)
    assert codes_of(helper(site).get("/me/recovery-codes").text) == []
