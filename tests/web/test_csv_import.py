"""Import from a spreadsheet in the browser: a dry run, then exactly that."""

import base64
import re
import zlib
from html import unescape
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import AccountLink, RoleGrant, User
from tests import factories
from tests.site import Browser, TestSite

PEOPLE = """name,email,role,centre,ern,specialty
Dr Eva Nová,Eva@Example.org,professional,FR10,,genetics
Dr Jan Král,jan@example.org,coordinator,CZ01,ithaca,
Dr Jan Král,jan@example.org,professional,CZ01,,
Dr Nobody,nobody@example.org,professional,XX99,,
"""
CENTRES = """code;name;city;erns
FR77;CHU de Nantes;Nantes;ithaca rnd:affiliated
FR10;Robert-Debré;Paris;
"""
CHECK, APPLY = "/directory/import/check", "/directory/import"


@pytest.fixture
def admin(site: TestSite) -> Browser:
    return site.person(Role.SYSTEM_ADMIN, hcp=None, name="Ada Admin", email="ada@example.org")


def dry_run(admin: Browser, text: str, kind: str = "people") -> Response:
    return admin.post(CHECK, {"kind": kind, "text": text})


def confirmed(page: Response) -> dict[str, Any]:
    """The form that the page of the plan holds."""
    found = dict(re.findall(r'name="(kind|sha256|marks|packed)" value="([^"]*)"', page.text))
    return {name: unescape(value) for name, value in found.items()}


def row(page: Response, number: int) -> str:
    found = re.search(rf'class="number">{number}</td>(.*?)</tr>', page.text, re.DOTALL)
    assert found, page.text[:3000]
    return found.group(1)


def people(site: TestSite) -> set[str]:
    with site.transaction() as session:
        return set(session.scalars(select(User.email)))


def roles_of(site: TestSite, email: str) -> list[str]:
    with site.transaction() as session:
        found = select(RoleGrant.role).join(User).where(User.email == email)
        return sorted(session.scalars(found))


def test_a_dry_run_tells_of_every_line_and_changes_nothing(site: TestSite, admin: Browser) -> None:
    page = dry_run(admin, PEOPLE)
    assert page.status_code == 200
    for told in ("2 added", "1 left as they are", "1 refused", "Import 2 lines"):
        assert told in page.text, told
    assert "health professional at FR10" in row(page, 2)
    assert "coordinator of ERN ITHACA; health professional at CZ01" in row(page, 3)
    assert "holds this role already" in row(page, 4)
    assert "There is no centre XX99" in row(page, 5)
    assert people(site) == {"ada@example.org"}
    assert site.events() == ["site:import:checked"]


def test_what_was_shown_is_imported_with_the_key_and_without_links(
    site: TestSite, admin: Browser
) -> None:
    form = confirmed(dry_run(admin, PEOPLE))
    assert admin.post(APPLY, form, touches=False).status_code == 403
    assert people(site) == {"ada@example.org"}
    shown = admin.follow(admin.post(APPLY, form)).text
    assert "2 lines added, 0 changed, 1 refused" in shown
    assert people(site) == {"ada@example.org", "eva@example.org", "jan@example.org"}
    assert roles_of(site, "jan@example.org") == ["coordinator", "professional"]
    with site.transaction() as session:
        assert session.scalar(select(func.count()).select_from(AccountLink)) == 0
        eva = session.scalars(select(User).where(User.email == "eva@example.org")).one()
        assert (eva.name, eva.specialty) == ("Dr Eva Nová", "genetics")
        assert eva.hcp_id == factories.hcp_id(session, "FR10")
    assert admin.post(f"/people/{eva.id}/new-link").status_code == 200
    events = site.events()
    assert events.count("site:person:invited") == 2
    assert events.count("site:import:applied") == 1


def test_an_import_that_is_sent_again_changes_nothing(site: TestSite, admin: Browser) -> None:
    form = confirmed(dry_run(admin, PEOPLE))
    assert admin.post(APPLY, form).status_code == 303
    again = admin.post(APPLY, form)
    assert again.status_code == 409
    assert "There is nothing to import" in again.text
    assert site.events().count("site:person:invited") == 2


def test_if_the_store_changed_meanwhile_nothing_is_done_and_the_difference_is_shown(
    site: TestSite, admin: Browser
) -> None:
    form = confirmed(dry_run(admin, PEOPLE))
    site.person(name="Somebody Else", email="eva@example.org")
    answer = admin.post(APPLY, form)
    assert answer.status_code == 409
    assert "1 line would now do something else" in answer.text
    differs = answer.text.partition('id="differing"')[2].partition("</table>")[0]
    assert "This address belongs to “Somebody Else”" in unescape(differs)
    assert "jan@example.org" not in people(site)
    assert admin.post(APPLY, confirmed(answer)).status_code == 303
    assert "jan@example.org" in people(site)


@pytest.mark.parametrize(
    "change",
    [
        {"sha256": "0" * 64},
        {"packed": ""},
        {"packed": "***"},
        {"packed": base64.urlsafe_b64encode(b"no zlib").decode()},
        {"packed": base64.urlsafe_b64encode(zlib.compress(b"a" * 100_000_000)).decode()},
    ],
)
def test_a_file_that_is_not_the_one_shown_is_not_imported(
    site: TestSite, admin: Browser, change: dict[str, str]
) -> None:
    answer = admin.post(APPLY, confirmed(dry_run(admin, PEOPLE)) | change)
    assert answer.status_code == 422
    assert people(site) == {"ada@example.org"}


def test_marks_that_do_not_fit_import_nothing(site: TestSite, admin: Browser) -> None:
    form = confirmed(dry_run(admin, PEOPLE))
    for marks in ("", "0" * 32, form["marks"] + "00000000"):
        assert admin.post(APPLY, form | {"marks": marks}).status_code == 409
    assert people(site) == {"ada@example.org"}


def test_centres_are_added_and_changed(site: TestSite, admin: Browser) -> None:
    page = dry_run(admin, CENTRES, "centres")
    assert "ERN ITHACA: full member" in row(page, 2)
    assert "ERN-RND: affiliated partner" in row(page, 2)
    assert "until now “Assistance Publique" in row(page, 3)
    shown = admin.follow(admin.post(APPLY, confirmed(page))).text
    assert "1 line added, 1 changed" in shown
    with site.transaction() as session:
        new = session.scalars(select(Hcp).where(Hcp.code == "FR77")).one()
        assert {one.ern_id: one.kind for one in new.memberships} == {
            "ithaca": "full_member",
            "rnd": "affiliated",
        }
        assert session.scalars(select(Hcp.name).where(Hcp.code == "FR10")).one() == "Robert-Debré"
    assert "1 left as they are" not in page.text
    assert "2 left as they are" in dry_run(admin, CENTRES, "centres").text


def test_a_file_is_uploaded_with_the_spreadsheets_mark(site: TestSite, admin: Browser) -> None:
    data = CENTRES.replace("\n", "\r\n").encode("utf-8-sig")
    page = admin.post(
        CHECK, files={"kind": (None, "centres"), "file": ("centres.csv", data, "text/csv")}
    )
    assert page.status_code == 200, page.text[:2000]
    assert admin.post(APPLY, confirmed(page)).status_code == 303
    with site.transaction() as session:
        assert session.scalar(select(Hcp.id).where(Hcp.code == "FR77"))


def test_nobody_raises_the_own_role_or_touches_who_nobody_vouched_for(
    site: TestSite, admin: Browser
) -> None:
    site.person(None, hcp=None, name="Joined Alone", email="joined@example.org")
    site.person(name="Gone Away", email="gone@example.org", disabled_at=clock.now())
    page = dry_run(
        admin,
        "name,email,role,centre\n"
        "Ada Admin,ADA@example.org,centre_manager,FR10\n"
        "Joined Alone,joined@example.org,professional,FR10\n"
        "Gone Away,gone@example.org,centre manager,FR10\n",
    )
    assert "Nobody gives themselves a role" in row(page, 2)
    assert "nobody has vouched" in row(page, 3)
    assert "account is disabled" in row(page, 4)
    assert "There is nothing to import" in page.text
    assert roles_of(site, "ada@example.org") == ["system_admin"]


def test_somebody_who_is_there_gets_the_role_that_is_missing(
    site: TestSite, admin: Browser
) -> None:
    site.person(name="Eva Nová", email="eva@example.org", hcp="FR25")
    text = "name,email,role,centre,ern\neva nová,EVA@example.org,dispatcher,,ithaca\n"
    page = dry_run(admin, text)
    assert "dispatcher of ERN ITHACA" in row(page, 2)
    assert admin.post(APPLY, confirmed(page)).status_code == 303
    assert roles_of(site, "eva@example.org") == ["dispatcher", "professional"]
    assert "site:role:granted" in site.events()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "Choose one file, or paste its text"),
        ("name,email\nx,y\n", "Missing: role"),
        ("name,email,role,shoe\nx,y,z,1\n", "There must be no other column"),
        ("name,email,role\n", "nothing below it"),
        ('name,email,role\n"x,y,z\n', "From line 2 on the file cannot be read"),
        ("name,email,role\n" + "x,y,z\n" * 5001, "more than 5000 lines"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_and_kept(
    admin: Browser, text: str, problem: str
) -> None:
    answer = dry_run(admin, text)
    assert answer.status_code == 422
    assert problem in unescape(answer.text)
    assert text.strip()[:20] in unescape(answer.text)


def test_an_unknown_kind_of_file_is_refused(admin: Browser) -> None:
    assert "Choose one" in dry_run(admin, PEOPLE, "patients").text


def test_names_in_a_file_are_text_and_nothing_else(admin: Browser) -> None:
    page = dry_run(admin, "name,email,role\n<script>alert(1)</script>,x@example.org,king\n")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("kind", ["people", "centres"])
def test_the_example_can_be_imported(admin: Browser, kind: str) -> None:
    example = admin.get(f"/directory/import/example/{kind}")
    assert example.headers["content-disposition"].startswith("attachment")
    page = dry_run(admin, example.content.decode("utf-8-sig"), kind)
    assert "none refused" in page.text
    assert admin.get("/directory/import/example/patients").status_code == 404


@pytest.mark.parametrize("role", [Role.CENTRE_MANAGER, Role.COORDINATOR, Role.PROFESSIONAL])
def test_nobody_but_a_system_administrator_imports(site: TestSite, role: Role) -> None:
    browser = site.person(role)
    assert browser.get("/directory/import").status_code == 403
    assert dry_run(browser, PEOPLE).status_code == 403
    assert browser.post(APPLY, {"kind": "people"}).status_code == 403
