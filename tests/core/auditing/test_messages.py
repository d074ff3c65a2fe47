"""One event as a DICOM audit message in a syslog line."""

import re
from base64 import b64decode
from typing import Any

import pytest

from cpms_core.audit import Event
from cpms_core.auditing.codes import CODES, DEFAULT, TITLES, code_of
from cpms_core.auditing.dicom import Source, syslog_line
from cpms_core.auditing.entries import Entry, plain
from cpms_core.clock import clock
from cpms_core.db import new_id
from tests.core.auditing.message import HOSTILE, LINE, parsed

SOURCE = Source(host="cpms.example", site="CPMS <Test>")


def entry(**values: Any) -> Entry:
    known: dict[str, Any] = {"seq": 7, "id": new_id(), "at": clock.now(), "tag": "case:case:read"}
    return Entry(**known | values)


def test_every_event_has_its_code_and_every_code_its_name() -> None:
    assert set(CODES) == set(Event), "say in auditing/codes.py what the new event is to DICOM"
    for code in (*CODES.values(), DEFAULT):
        assert code.event in TITLES
        assert not code.kind or code.kind in TITLES
        assert code.action in set("CRUDE")
        assert code.outcome in {0, 4, 8, 12}


def test_refusals_are_told_as_such_and_a_plugins_event_has_a_code_too() -> None:
    refused = {event for event in Event if re.search("refused|denied|wrong|flagged", event)}
    # An administrator who says no has succeeded.
    failed = {event for event in Event if code_of(event).outcome}
    assert failed == refused - {Event.ACCESS_REFUSED, Event.TRANSFER_REFUSED}
    assert code_of("reporting:table:counted") is DEFAULT


def test_a_message_says_who_did_what_to_which_case_when_and_how_it_ended() -> None:
    told = entry(
        actor_id=new_id(),
        actor="Dr Ana Müller",
        roles="coordinator, professional",
        session_id=new_id(),
        case_id=new_id(),
        pseudonym="Wren-7",
        centre="FR10",
        ern="ithaca",
        subject_id=new_id(),
        subject="Eva",
        detail={"page": 2, "is_late": True},
    )
    root = parsed(syslog_line(told, SOURCE))
    event = root[0]
    assert event.attrib == {
        "EventActionCode": "R",
        "EventDateTime": f"{told.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "EventOutcomeIndicator": "0",
    }
    assert event[0].attrib == {
        "csd-code": "110111",
        "codeSystemName": "DCM",
        "originalText": "Procedure Record",
    }
    assert event[1].get("csd-code") == "case:case:read"
    who = root[1]
    assert who.attrib == {
        "UserID": str(told.actor_id),
        "AlternativeUserID": f"session {told.session_id}",
        "UserName": "Dr Ana Müller",
        "UserIsRequestor": "true",
    }
    assert [role.get("csd-code") for role in who] == ["coordinator", "professional"]
    assert root[2].attrib == {
        "AuditEnterpriseSiteID": "CPMS <Test>",
        "AuditSourceID": "cpms.example",
    }
    objects = {one.get("ParticipantObjectID"): one for one in root[3:]}
    assert objects.keys() == {
        *("Wren-7", "FR10", "ithaca"),
        *(str(told.case_id), str(told.subject_id), str(told.id)),
    }
    patient = objects["Wren-7"]
    assert patient.get("ParticipantObjectTypeCode") == "1"
    assert patient.get("ParticipantObjectTypeCodeRole") == "1"
    details = {
        one.get("type"): b64decode(one.get("value", "")).decode()
        for one in objects[str(told.id)].iter("ParticipantObjectDetail")
    }
    assert details == {"entry": "7", "id": str(told.id), "page": "2", "is_late": "True"}


def test_the_order_of_parts_is_the_standards() -> None:
    root = parsed(syslog_line(entry(case_id=new_id()), SOURCE))
    assert [part.tag for part in root] == [
        "EventIdentification",
        "ActiveParticipant",
        "AuditSourceIdentification",
        "ParticipantObjectIdentification",
        "ParticipantObjectIdentification",
    ]
    assert [part.tag for part in root[3]] == [
        "ParticipantObjectIDTypeCode",
        "ParticipantObjectName",
    ]


@pytest.mark.parametrize(
    ("tag", "severity", "outcome"),
    [(Event.CASE_READ, 5, "0"), (Event.DENIED, 4, "4"), (Event.KEY_FLAGGED, 4, "8")],
)
def test_severity_and_outcome_go_together(tag: str, severity: int, outcome: str) -> None:
    line = syslog_line(entry(tag=tag), SOURCE)
    found = LINE.fullmatch(line)
    assert found and int(found[1]) == 10 * 8 + severity
    assert parsed(line)[0].get("EventOutcomeIndicator") == outcome


def test_who_is_not_signed_in_is_nobody_and_the_console_is_the_server() -> None:
    nobody = parsed(syslog_line(entry(tag=Event.KEY_REFUSED), SOURCE))[1]
    assert nobody.get("UserID") == "not signed in"
    console = parsed(syslog_line(entry(tag=Event.BACKUP_MADE), SOURCE))[1]
    assert console.get("UserID") == "cpms.example"


def test_text_that_would_deceive_a_terminal_or_a_parser_is_made_visible() -> None:
    shown = plain(HOSTILE)
    assert shown.isprintable()
    assert "\\u000d\\u000a" in shown and "\\u001b[31m" in shown and "\\u202e" in shown
    assert plain("Αλκυόνη Žluťoučká 山田") == "Αλκυόνη Žluťoučká 山田"
    assert len(plain("x" * 1_000_000)) == 200
    assert plain("\udc80") == "\\udc80"
