"""SIGKILL at random moments under writes: what was acknowledged is there, and nothing is half.

CPMS_KILLS sets how often; a release runs thousands.
"""

import random
import sqlite3
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cpms_core.audit import AuditEvent, Event
from cpms_core.auditing.chain import seal, walk
from cpms_core.cases.models import Attachment, Record, RecordDraft
from cpms_core.db import transaction
from cpms_core.files import FileStore
from cpms_core.patients.models import Consent, Patient, SealedIdentity
from tests import factories
from tests.engines import SqliteTemplate
from tests.journeys.server import Person, Server, cpms, make_data

KILLS = 6
WRITERS = 3


class Writer(threading.Thread):
    """Somebody who enrols, consents, types, saves and uploads without pause, and keeps a journal
    of what the site has said yes to."""

    def __init__(self, person: Person, case: str, stopped: threading.Event, seed: int) -> None:
        super().__init__(daemon=True)
        self.person, self.case, self._stopped = person, case, stopped
        self._random = random.Random(seed)  # noqa: S311 - the same on every run, no secret
        self.saved: list[str] = []
        self.drafted = 0
        self.patients: list[str] = []
        self.consents = 0
        self.photos = 0
        self.faults: list[str] = []

    def run(self) -> None:
        number = 0
        acts: list[Callable[[int], None]] = [self.save, self.draft, self.enrol, self.upload]
        while not self._stopped.is_set():
            number += 1
            try:
                self._random.choices(acts, (5, 4, 2, 1))[0](number)
            except httpx.HTTPError:
                time.sleep(0.02)  # it was killed; nothing was acknowledged

    def save(self, number: int) -> None:
        words = f"saved-{self.name}-{number}-"
        form = self.person.get(f"{self.case}/records/core.request").text
        base = int(form.partition('name="_base" value="')[2].partition('"')[0])
        if self._post(f"{self.case}/records/core.request", request(words, base), 303):
            self.saved.append(words)

    def draft(self, number: int) -> None:
        form = request(f"drafted-{number}-", 0)
        if self._post(
            f"{self.case}/records/ithaca.findings/draft", {"notes": form["summary"]}, 200
        ):
            self.drafted = number

    def enrol(self, number: int) -> None:
        name = {"given_name": f"A{number}", "family_name": self.name, "sex": "female"}
        form = name | {"birth_date": "2019-03-04", "local_record_number": ""}
        where = self._post("/centre/patients/new", form, 303)
        if where:
            self.patients.append(where.rpartition("/")[2])
            consent = {
                "kind": "care",
                "form_version": "2024",
                "language": "fr",
                "signer": "parent",
                "given_on": "2026-01-05",
                "original_at": "paper",
            }
            self.consents += bool(self._post(f"{where}/consents", consent, 303))

    def upload(self, number: int) -> None:
        made = BytesIO()
        Image.new("RGB", (8, 8), (number % 256, self._random.randrange(256), 7)).save(made, "PNG")
        answer = self.person.post(
            f"{self.case}/files",
            content=made.getvalue(),
            headers={"Content-Type": "application/octet-stream"},
        )
        self._judge(answer, 200)
        self.photos += answer.status_code == 200

    def _post(self, path: str, form: dict[str, Any], good: int) -> str:
        """Where it leads if it was acknowledged; empty if it was not."""
        answer = self.person.post(path, data={"_base": "0", **form})
        self._judge(answer, good)
        return answer.headers.get("location", path) if answer.status_code == good else ""

    def _judge(self, answer: httpx.Response, good: int) -> None:
        if answer.status_code not in {good, 503}:
            self.faults.append(f"{answer.request.url.path}: {answer.status_code}")


def request(words: str, base: int) -> dict[str, Any]:
    return {
        "_base": str(base),
        "question_type": "diagnosis",
        "question": "Which test next?",
        "summary": words,
        "urgency": "routine",
    }


def test_nothing_that_was_acknowledged_is_lost_to_a_kill(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    make_data(data, sqlite_template, plugins=("ern_ithaca",))
    chance = random.Random(20261122)  # noqa: S311 - as above
    stopped = threading.Event()
    with Server(data) as server:
        writers = []
        for number in range(WRITERS):
            person = server.person(hcp="FR10")
            with transaction(server.engine) as session:
                case = f"/cases/{factories.make_case(session, person.actor).id}"
            writers.append(Writer(person, case, stopped, number))
        for writer in writers:
            writer.start()
        for _ in range(KILLS):
            wait_for_another(writers)
            time.sleep(chance.uniform(0, 0.5))
            server.kill()
            server.start()
        wait_for_another(writers)
        stopped.set()
        for writer in writers:
            writer.join(timeout=30)
        server.kill()

        check_store(data)
        for writer in writers:
            assert not writer.faults, writer.faults[:5]
            check_journal(server, writer)
        check_audit(server)
        assert sum(len(writer.saved) for writer in writers) >= KILLS
        assert sum(len(writer.patients) for writer in writers) > 0
        assert sum(writer.photos for writer in writers) > 0
    assert "Nothing is amiss." in cpms("check", "--data", data)


def wait_for_another(writers: list[Writer]) -> None:
    """Until one more save is acknowledged, so that a slow machine is killed at work too."""
    count = sum(len(writer.saved) for writer in writers)
    ends = time.monotonic() + 20
    while sum(len(writer.saved) for writer in writers) == count:
        assert time.monotonic() < ends, "no save was acknowledged within 20 s"
        time.sleep(0.01)


def test_a_worker_ends_when_only_its_parent_was_killed(
    sqlite_template: SqliteTemplate, tmp_path: Path
) -> None:
    make_data(tmp_path / "data", sqlite_template, plugins=())
    with Server(tmp_path / "data") as server:
        server.kill_parent()
        ends = time.monotonic() + 5
        while is_answering(server.url):
            assert time.monotonic() < ends, "its worker serves on by itself"
            time.sleep(0.1)


def is_answering(url: str) -> bool:
    try:
        httpx.get(f"{url}/health", timeout=2)
    except httpx.HTTPError:
        return False
    return True


def check_store(data: Path) -> None:
    store = sqlite3.connect(data / "cpms.sqlite3")
    assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert store.execute("PRAGMA foreign_key_check").fetchall() == []
    store.close()


def check_journal(server: Server, writer: Writer) -> None:
    """Every acknowledged write is in the store."""
    author = writer.person.actor.user_id
    with transaction(server.engine) as session:
        saved = {
            row.data["summary"]
            for row in session.scalars(select(Record).where(Record.author_id == author))
        }
        assert set(writer.saved) <= saved
        draft = session.scalar(select(RecordDraft.form).where(RecordDraft.author_id == author))
        if writer.drafted:
            assert draft
            assert int(draft["notes"][0].split("-")[1]) >= writer.drafted
        mine = select(Patient).where(Patient.created_by == author)
        patients = {str(patient.id): patient for patient in session.scalars(mine)}
        assert set(writer.patients) <= patients.keys()
        for one in writer.patients:
            assert session.get(SealedIdentity, patients[one].id), "a patient without an identity"
        own = Consent.recorded_by == author
        care = session.scalar(select(func.count(Consent.id)).where(own, Consent.language == "fr"))
        assert (care or 0) >= writer.consents
        files = FileStore(server.data / "files")
        for row in session.scalars(select(Attachment).where(Attachment.added_by == author)):
            assert files.verify(row.sha256), "a row without its file"


def check_audit(server: Server) -> None:
    """Each change has its event and each event its change; the chain holds."""
    seal(server.engine)
    with transaction(server.engine) as session:
        assert walk(session).first_break is None
        assert tagged(session, Event.RECORD_SAVED) == count(session, Record)
        assert tagged(session, Event.PATIENT_ENROLLED) == count(session, SealedIdentity)
        assert tagged(session, Event.ATTACHMENT_ADDED) >= count(session, Attachment)
        by_page = session.scalar(
            select(func.count(Consent.id)).where(Consent.original_at == "paper")
        )
        assert tagged(session, Event.CONSENT_RECORDED) == by_page


def count(session: Session, table: type[Any]) -> int:
    return session.scalar(select(func.count()).select_from(table)) or 0


def tagged(session: Session, event: Event) -> int:
    found = select(func.count(AuditEvent.id)).where(AuditEvent.tag == event)
    return session.scalar(found) or 0
