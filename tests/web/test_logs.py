"""What the program writes beside its audit: lines that are lines, and nothing that is secret."""

import logging
import re
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import text

from cpms_core.audit import Event
from cpms_core.auditing.chain import seal
from cpms_core.auditing.dicom import Source, syslog_line
from cpms_core.auditing.entries import Span, read_entries
from cpms_core.clock import clock
from tests.site import Browser, TestSite
from tests.web.attempts import REQUEST
from tests.web.key_person import Person
from tests.web.logs import every_line
from tests.web.refusing import refusing

HOSTILE = {
    "line ends": "x\r\n<81>1 2026-11-22T00:00:00Z forged cpms - - - site:session:started",
    "colours": "\x1b[2J\x1b[31mred\x1b]0;title\x07 \x9b31m",
    "right to left": "\u202egpj.exe\u2066",
    "separators": "a\u2028b\u2029c\x85d",
    "JSON": '"},{"tag":"site:session:started"}]}\\',
    "format": "%s %n {0.__class__} ${jndi:ldap://x}",
    "long": "x" * 1_000_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_browser_name_or_address_leaves_no_line_of_its_own(
    site: TestSite,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    what: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    given = HOSTILE[what]
    ana = site.person()
    headers = {"User-Agent": given.encode("utf-8", "replace")}
    address = quote(given[:2000], safe="")
    for path in ("/me", "/audit", f"/cases/{address}", f"/{address}", f"/audit?person={address}"):
        answer = ana.get(path, headers=headers)
        assert answer.status_code < 500, path
    for line in every_line(caplog, capfd):
        assert "forged" not in line and "\x1b" not in line and "\u202e" not in line
        assert len(line) < 100_000
    with site.transaction() as session:
        told = session.execute(text("SELECT count(*) FROM audit_event")).scalar()
        details = str(session.execute(text("SELECT detail FROM audit_event")).all())
    assert told
    assert "forged" not in details, "addresses and browsers are not in the audit"


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_name_leaves_the_audit_as_one_line_an_event(site: TestSite, what: str) -> None:
    name = HOSTILE[what][:5000]
    ana = site.person(name=f"Ana {name}")
    ana.get("/me")
    page = site.person("system_admin", hcp=None).get("/audit")
    assert page.status_code == 200
    seal(site.engine)
    with site.transaction() as session:
        span = Span(since=clock.now().replace(year=2020), last=10**6)
        lines = [
            syslog_line(one, Source(host="h", site="s")) for one in read_entries(session, span)
        ]
    assert lines
    for line in lines:
        assert re.fullmatch(rb"[ -~]+", line)
        assert len(line) < 8192, "what every receiver has to take"


class Canaries:
    """What must never be in a log, each unlike anything else."""

    NAME = "Canarina"
    FAMILY = "Vogelsang-Kvíčala"
    SUMMARY = "zebrafinch phenotype, never seen before"
    NUMBER = "LRN-778899"


WRITTEN = REQUEST | {"summary": Canaries.SUMMARY}


def journey(site: TestSite) -> tuple[Browser, str, list[str]]:
    """Enrol a key, sign in, enrol a patient, write a request: browser, case, all secrets of it."""
    person = Person(site)
    browser = person.sign_in()
    challenge = person.begin(site.browser())
    secrets = [
        *(person.link.rpartition("/")[2], person.code, browser.token, browser.csrf),
        *(challenge["ceremony"], challenge["publicKey"]["challenge"]),
    ]
    enrolled = browser.post(
        "/centre/patients/new",
        {
            "given_name": Canaries.NAME,
            "family_name": Canaries.FAMILY,
            "birth_date": "2019-03-04",
            "sex": "female",
            "local_record_number": Canaries.NUMBER,
        },
    )
    assert enrolled.status_code == 303, enrolled.text
    patient = enrolled.headers["location"].partition("?")[0]
    consent = {"kind": "care", "form_version": "2024", "language": "fr", "signer": "parent"}
    consent |= {"given_on": "2026-01-05", "original_at": "paper file"}
    assert browser.post(f"{patient}/consents", consent).status_code == 303
    opened = browser.post(f"{patient}/cases")
    assert opened.status_code == 303, opened.text
    case = re.search(r"/cases/[0-9a-f-]{36}", opened.headers["location"])
    assert case
    written = browser.post(f"{case[0]}/records/core.request", {**WRITTEN, "_base": "0"})
    assert written.status_code == 303, written.text
    assert Canaries.SUMMARY in browser.get(case[0]).text
    return browser, case[0], secrets


def test_no_secret_and_no_clinical_word_is_in_any_log(
    site: TestSite,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    browser, case, secrets = journey(site)
    # A fault of ours in the middle of a post: the log says where, and nothing that was sent.
    monkeypatch.setattr("cpms_web.pages_centre.enrol_patient", _fail)
    form = {"given_name": Canaries.NAME, "family_name": Canaries.FAMILY, "sex": "female"}
    form |= {"birth_date": "2019-03-04", "local_record_number": Canaries.NUMBER}
    assert browser.post("/centre/patients/new", form).status_code == 500
    # The store refuses: SQLAlchemy would like to show the values.
    with refusing(site, "record"):
        more = {"summary": f"{Canaries.SUMMARY} until today", "_base": "1"}
        answer = browser.post(f"{case}/records/core.request", WRITTEN | more)
        assert answer.status_code == 500
    with site.transaction() as session:
        audit = str(session.execute(text("SELECT tag, roles, detail FROM audit_event")).all())
    lines = every_line(caplog, capfd)
    assert any("unexpected" in line for line in lines), "the fault itself is told"
    canaries = (Canaries.NAME, Canaries.FAMILY, Canaries.SUMMARY, Canaries.NUMBER, *secrets)
    for canary in canaries:
        assert canary and canary not in audit, f"{canary} is in the audit"
        for line in lines:
            assert canary not in line, f"{canary} is in a log: {line[:500]}"
    assert str(Event.PATIENT_ENROLLED) in audit


def _fail(*_args: Any, **_named: Any) -> None:
    raise RuntimeError("a fault of ours")
