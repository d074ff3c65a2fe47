"""What leaves the site: every event as a DICOM audit message in one line, or as JSON."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, select

from cpms_core import audit
from cpms_core.actor import Role
from cpms_core.audit import AuditEvent, Event
from cpms_core.auditing.codes import DEFAULT
from cpms_core.auditing.entries import Entry
from cpms_core.clock import clock
from cpms_core.db import make_engine, transaction
from cpms_core.identity.sessions import actor_for
from cpms_core.settings import Site
from tests import factories
from tests.core.auditing.conftest import Run
from tests.core.auditing.listener import Authority, Listener
from tests.core.auditing.message import HOSTILE, parsed


@contextmanager
def opened(folder: Site) -> Iterator[Engine]:
    engine = make_engine(folder.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def filled(folder: Site) -> Site:
    """A site in which a person with a hostile name read a case and was denied something."""
    with opened(folder) as engine, transaction(engine) as session:
        name = f"Ana {HOSTILE}".replace("\x00", "")
        user = factories.make_user(session, role=Role.PROFESSIONAL, name=name)
        actor = actor_for(session, user)
        case = factories.make_case(session, actor, pseudonym="Wren-7")
        about: Any = {"case_id": case.id, "patient_id": case.patient_id, "hcp_id": case.hcp_id}
        audit.record(session, actor, Event.CASE_READ, **about, ern_id="ithaca", kind=HOSTILE)
        audit.record(session, actor, Event.DENIED, route="/cases/{case_id}")
        audit.record(session, None, "reporting:table:counted", rows=3)
    return folder


@pytest.mark.usefixtures("filled")
def test_hostile_names_leave_one_line_that_can_be_parsed(run: Run) -> None:
    code, out, err = run("export", "--since", "2020-01-01")
    assert (code, err) == (0, "3 entries exported.\n")
    lines = out.encode().split(b"\n")
    assert lines.pop() == b""
    assert len(lines) == 3
    first, denied, counted = (parsed(line) for line in lines)
    assert first[1].get("UserName", "").startswith("Ana a\\u000d\\u000ab <134>1")
    assert first[3].get("ParticipantObjectTypeCodeRole") == "1"
    assert first[3].findtext("ParticipantObjectName") == "Wren-7"
    assert denied[0].get("EventOutcomeIndicator") == "4"
    assert counted[0][0].get("csd-code") == DEFAULT.event


@pytest.mark.usefixtures("filled")
def test_json_is_one_object_a_line(run: Run) -> None:
    code, out, _ = run("export", "--since", "2020-01-01", "--format", "json")
    assert code == 0
    assert all(sign == "\n" or sign.isprintable() for sign in out)
    entries = [msgspec.json.decode(line, type=Entry) for line in out.splitlines()]
    assert [one.seq for one in entries] == [1, 2, 3]
    assert entries[0].centre == "FR10" and entries[0].pseudonym == "Wren-7"
    assert entries[2].detail == {"rows": 3}


def test_exporting_is_itself_an_event_that_is_there_before_the_first_line(
    run: Run, filled: Site, tmp_path: Path
) -> None:
    assert run("export", "--since", "2020-01-01", "--format", "json", tmp_path / "out")[0] == 0
    with opened(filled) as engine, transaction(engine) as session:
        last = session.scalars(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(1)).one()
    assert last.tag == Event.AUDIT_EXPORTED
    assert last.detail == {"since": "2020-01-01T00:00:00+00:00", "format": "json", "count": 3}
    # A failing target is an export too: nobody knows how far it came.
    assert run("export", "--since", "2020-01-01", tmp_path / "none" / "out")[0] == 1
    with opened(filled) as engine, transaction(engine) as session:
        tags = session.scalars(select(AuditEvent.tag)).all()
    assert tags.count(Event.AUDIT_EXPORTED) == 2


def test_a_span_of_time_is_exported_without_its_end(run: Run, folder: Site) -> None:
    with opened(folder) as engine:
        for days in (-3, -2, -1):
            clock.offset = timedelta(days=days)
            with transaction(engine) as session:
                audit.record(session, None, Event.CASE_READ, days=days)
    clock.offset = timedelta()
    since, until = (clock.now() - timedelta(days=2, hours=1), clock.now() - timedelta(days=1))
    span = ("--since", since.isoformat(), "--until", (until - timedelta(hours=1)).isoformat())
    _, out, _ = run("export", *span, "--format", "json")
    assert [msgspec.json.decode(line)["detail"]["days"] for line in out.splitlines()] == [-2]
    # Without a zone it is UTC.
    plain_days = since.date().isoformat(), until.date().isoformat()
    _, out, _ = run("export", "--since", plain_days[0], "--until", plain_days[1], "--format=json")
    assert [msgspec.json.decode(line)["detail"]["days"] for line in out.splitlines()] == [-2]


@pytest.mark.usefixtures("filled")
def test_a_file_is_its_owners_alone_and_never_replaced(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "out"
    assert run("export", "--since", "2020-01-01", file)[0] == 0
    assert file.stat().st_mode & 0o777 == 0o600
    before = file.read_bytes()
    code, _, err = run("export", "--since", "2020-01-01", file)
    assert code == 1 and "cannot be written" in err
    assert file.read_bytes() == before


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", ""])
def test_a_date_that_is_none_is_told(run: Run, since: str) -> None:
    code, _, err = run("export", "--since", since)
    assert code == 2
    assert "is no date such as 2026-11-22" in err


@pytest.mark.usefixtures("filled")
def test_messages_reach_a_syslog_server_over_tls(run: Run, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with Listener(authority.certificate()) as listener:
        code, out, err = run(
            *("export", "--since", "2020-01-01"),
            *("--syslog", listener.address, "--ca", authority.file),
        )
    assert (code, out, err) == (0, "", "3 entries exported.\n")
    tags = [parsed(message)[0][-1].get("csd-code") for message in listener.messages()]
    assert tags == ["case:case:read", "site:access:denied", "reporting:table:counted"]


@pytest.mark.usefixtures("filled")
def test_a_server_whose_certificate_is_not_right_gets_nothing(run: Run, tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    for certificate, believed in (
        (other.certificate(), authority.file),
        (authority.certificate("192.0.2.7"), authority.file),
        (authority.certificate(), None),
    ):
        with Listener(certificate) as listener:
            ca = ("--ca", believed) if believed else ()
            code, _, err = run("export", "--since", "2020-01-01", "--syslog", listener.address, *ca)
        assert code == 1, certificate
        assert "took 0 messages" in err and "certificate verify failed" in err
        assert listener.received == b""


@pytest.mark.usefixtures("filled")
def test_without_tls_only_this_machine_is_sent_to(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Listener() as listener:
        assert run(
            *("export", "--since", "2020-01-01", "--syslog", listener.address, "--plain")
        ) == (0, "", "3 entries exported.\n")
    assert len(listener.messages()) == 3

    class Far:
        def getpeername(self) -> tuple[str, int]:
            return "192.0.2.7", 514

        def close(self) -> None:
            pass

    monkeypatch.setattr("socket.create_connection", lambda *_args, **_named: Far())
    code, _, err = run(*("export", "--since", "2020-01-01", "--syslog", "localhost:514", "--plain"))
    assert code == 1
    assert "is another machine" in err and "Nothing was sent" in err


@pytest.mark.parametrize("where", ["nowhere", "host:", ":6514", "host:0", "host:99999", "host:x"])
@pytest.mark.usefixtures("filled")
def test_an_address_that_is_none_is_told(run: Run, where: str) -> None:
    code, _, err = run("export", "--since", "2020-01-01", "--syslog", where)
    assert code == 1
    assert "is no host:port" in err


@pytest.mark.usefixtures("filled")
def test_a_server_that_is_not_there_is_told(run: Run) -> None:
    code, _, err = run("export", "--since", "2020-01-01", "--syslog", "127.0.0.1:1", "--plain")
    assert code == 1
    assert "127.0.0.1:1 took 0 messages" in err
