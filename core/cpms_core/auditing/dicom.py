"""An event as a DICOM audit message (PS3.15 section A.5) in a syslog line (RFC 5424).

Everything is ASCII: what is not becomes a character reference, so that no receiver has to guess.
"""

from base64 import b64encode
from typing import Final
from xml.etree import ElementTree as ET

from msgspec import Struct

from cpms_core.audit import FROM_THE_CONSOLE
from cpms_core.auditing.codes import TITLES, Code, code_of
from cpms_core.auditing.entries import Entry, plain


class Source(Struct, frozen=True, kw_only=True):
    """Who reports."""

    host: str
    site: str


def syslog_line(entry: Entry, source: Source) -> bytes:
    """One message without a line end, as RFC 5424 and A.6.5 want it."""
    severity = _NOTICE if code_of(entry.tag).outcome == 0 else _WARNING
    host = "".join(sign for sign in source.host if "!" <= sign <= "~")[:255] or "-"
    head = f"<{_SECURITY * 8 + severity}>1 {_moment(entry)} {host} cpms - DICOM+RFC3881 - "
    return head.encode() + audit_message(entry, source)


def audit_message(entry: Entry, source: Source) -> bytes:
    code = code_of(entry.tag)
    root = ET.Element("AuditMessage")
    _event(root, entry, code)
    _actor(root, entry, source)
    reporter = ET.SubElement(
        root,
        "AuditSourceIdentification",
        AuditEnterpriseSiteID=plain(source.site),
        AuditSourceID=plain(source.host),
    )
    ET.SubElement(reporter, "AuditSourceTypeCode", {"csd-code": _APPLICATION_SERVER})
    _objects(root, entry)
    encoded: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=False)
    return encoded


_SECURITY: Final = 10
"""The facility of security messages."""
_NOTICE, _WARNING = 5, 4
_APPLICATION_SERVER = "4"
_PERSON, _SYSTEM, _ORGANISATION = "1", "2", "3"


def _event(root: ET.Element, entry: Entry, code: Code) -> None:
    event = ET.SubElement(
        root,
        "EventIdentification",
        EventActionCode=code.action,
        EventDateTime=_moment(entry),
        EventOutcomeIndicator=str(code.outcome),
    )
    _coded(event, "EventID", code.event, "DCM", TITLES[code.event])
    if code.kind:
        _coded(event, "EventTypeCode", code.kind, "DCM", TITLES[code.kind])
    _coded(event, "EventTypeCode", entry.tag, "CPMS", entry.tag)


def _actor(root: ET.Element, entry: Entry, source: Source) -> None:
    who = {"UserID": str(entry.actor_id) if entry.actor_id else _nobody(entry, source)}
    if entry.session_id:
        who["AlternativeUserID"] = f"session {entry.session_id}"
    if entry.actor:
        who["UserName"] = entry.actor
    person = ET.SubElement(root, "ActiveParticipant", who, UserIsRequestor="true")
    for role in filter(None, entry.roles.split(", ")):
        _coded(person, "RoleIDCode", role, "CPMS", role)


def _nobody(entry: Entry, source: Source) -> str:
    """Somebody who is not signed in yet, or the server's own console."""
    return plain(source.host) if entry.tag in FROM_THE_CONSOLE else "not signed in"


def _objects(root: ET.Element, entry: Entry) -> None:
    """The patient by pseudonym, the case, the centre, the ERN, the person it was done to."""
    details = {key: str(value) for key, value in entry.detail.items()}
    details |= {"entry": str(entry.seq), "id": str(entry.id)}
    if entry.patient_id or entry.pseudonym:
        named = entry.pseudonym or str(entry.patient_id)
        _object(root, str(entry.patient_id or named), _PERSON, "1", "Patient Number", named)
    if entry.case_id:
        _object(root, str(entry.case_id), _SYSTEM, "3", "case", entry.pseudonym or "case")
    if entry.centre:
        _object(root, entry.centre, _ORGANISATION, "2", "centre", entry.centre)
    if entry.ern:
        _object(root, entry.ern, _ORGANISATION, "2", "ERN", entry.ern)
    if entry.subject_id:
        kind = _PERSON if entry.subject else _SYSTEM
        named = entry.subject or "subject"
        _object(root, str(entry.subject_id), kind, "6" if entry.subject else "13", "subject", named)
    last = _object(root, str(entry.id), _SYSTEM, "13", "audit entry", f"entry {entry.seq}")
    for key, value in sorted(details.items()):
        told = b64encode(value.encode()).decode()
        ET.SubElement(last, "ParticipantObjectDetail", type=key, value=told)


def _object(
    root: ET.Element, ident: str, kind: str, role: str, scheme: str, name: str
) -> ET.Element:
    made = ET.SubElement(
        root,
        "ParticipantObjectIdentification",
        ParticipantObjectID=ident,
        ParticipantObjectTypeCode=kind,
        ParticipantObjectTypeCodeRole=role,
    )
    code, system = ("2", "RFC-3881") if scheme == "Patient Number" else (scheme, "CPMS")
    _coded(made, "ParticipantObjectIDTypeCode", code, system, scheme)
    ET.SubElement(made, "ParticipantObjectName").text = name
    return made


def _coded(parent: ET.Element, tag: str, code: str, system: str, meaning: str) -> None:
    said = {"csd-code": code, "codeSystemName": system, "originalText": meaning}
    ET.SubElement(parent, tag, said)


def _moment(entry: Entry) -> str:
    return f"{entry.at:%Y-%m-%dT%H:%M:%S.%f}Z"
