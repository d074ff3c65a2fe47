"""Erasing a patient leaves no byte: every file of the site is searched, on both databases."""

import json
import zipfile
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import JSON, LargeBinary, String, select, text, update
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.cases.models import Attachment, Case
from cpms_core.jobs import Job, run_due
from cpms_core.keeping.erasure import SKELETON
from cpms_core.keeping.patient_rows import tree_of
from cpms_core.keeping.scrub import SCRUB, scrub
from cpms_core.panels.models import Contribution, Outcome, Panel
from cpms_core.patients.correction import correct_identity
from cpms_core.patients.models import Patient, SealedIdentity
from cpms_core.patients.vault import Identity
from cpms_core.store import METADATA
from tests import factories
from tests.site import Browser, TestSite
from tests.web.logs import every_line
from tests.web.world import World

READ_BY_CODE = {
    # Texts that decide what the program does next; canaries there would only break the test.
    *("consent.kind", "consent.signer", "consent.assent", "consent.classes", "consent.erns"),
    *("patient.sex", "patient.status", "outcome.state", "outcome.frozen", "outcome.signature"),
    *("broken_glass.opens", "patient_transfer.state", "attachment.viewer", "attachment.sha256"),
    *("attachment.media_type", "attachment.held"),
    *("sealed_identity.wrapped_key", "sealed_identity.sealed", "sealed_identity.search_digest"),
    *("record.dataset", "position.verdict", "panel_question.state", "panel_reopening.state"),
    *("follow_up.state", "follow_up.kind", "follow_up_answer.said", "consent_receipt.lines"),
}


def plant(session: Session, patient_id: UUID, canary: str) -> set[str]:
    """The canary into every text of every row of the patient, but where it would break things."""
    planted = set()
    for table, mine in tree_of([patient_id]).items():
        kept = SKELETON.get(table.name, set())
        values: dict[str, Any] = {}
        for column in table.columns:
            name = f"{table.name}.{column.name}"
            is_key = column.primary_key or column.foreign_keys or column.unique
            if is_key or column.name in kept or name in READ_BY_CODE:
                continue
            if isinstance(column.type, JSON):
                values[column.name] = {"said": canary}
            elif isinstance(column.type, String):
                values[column.name] = canary
        if values:
            session.execute(update(table).where(mine).values(values))
            planted |= {f"{table.name}.{name}" for name in values}
    return planted


def searched(site: TestSite) -> Iterator[Path]:
    """Every file in which the site keeps something, and every file of PostgreSQL's whole cluster.

    Its log of writes is the one exception: it goes when its segments are used again, see ADR 20.
    """
    yield from (path for path in site.folder.rglob("*") if path.is_file())
    if site.engine.dialect.name == "postgresql":
        with site.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("CHECKPOINT"))
            folder = Path(connection.scalar(text("SHOW data_directory")) or "")
        for path in folder.rglob("*"):
            if path.is_file() and folder / "pg_wal" not in path.parents:
                yield path


def holding(site: TestSite, *canaries: str) -> list[str]:
    found = []
    for path in searched(site):
        content = path.read_bytes()
        found += [f"{path.name}: {one}" for one in canaries if one.encode() in content]
    return found


def draw_samples(site: TestSite) -> None:
    """What PostgreSQL does by itself, some time: keep values of each column for its planner."""
    with site.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def settle(site: TestSite) -> None:
    """What the thread of jobs does on a served site."""
    assert run_due(site.engine, {SCRUB: lambda _payload: scrub(site.engine)}) == 1


def erase(site: TestSite, manager: Browser, patient_id: str) -> None:
    with site.transaction() as session:
        pseudonym = session.get_one(Patient, UUID(patient_id)).pseudonym
    answer = manager.post(f"/patients/{patient_id}/erase", {"pseudonym": pseudonym})
    assert answer.status_code == 303, answer.text
    settle(site)


def test_no_byte_of_an_erased_patient_is_left(
    site: TestSite, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    world = World(site, "signed")
    patient_id = world.values["patient_id"]
    canary = f"canary{uuid4().hex}"
    manager = world["centre manager"]
    clinician = world["professional"]
    # What people type, by the pages they type it in.
    identity = {"given_name": f"G{canary}", "family_name": "Malá", "birth_date": "2019-05-17"}
    assert manager.post(f"/patients/{patient_id}/identity/correct", identity).status_code == 303
    glass = world.site.person(Role.PROFESSIONAL, hcp="CZ01", name="Dr Night")
    reason = {"reason": f"The laboratory calls {canary}"}
    glass.post(f"/patients/{patient_id}/emergency", reason)
    with site.transaction() as session:
        planted = plant(session, UUID(patient_id), canary)
        file = session.scalars(select(Attachment).where(Attachment.viewer == "photo")).one()
        path = site.live.files.path(file.sha256)
        assert path.is_file()
    assert {"record.data", "contribution.text", "consent.original_at", "outcome.draft"} <= planted
    draw_samples(site)
    assert holding(site, canary)
    erase(site, manager, patient_id)
    assert holding(site, canary) == []
    assert not path.exists()
    assert canary not in "".join(every_line(caplog, capfd))
    assert clinician.get(f"/patients/{patient_id}").status_code == 404
    assert clinician.get(f"/cases/{world.values['case_id']}").status_code == 404


def test_the_words_of_forms_drafts_and_outcomes_are_gone_from_every_file(site: TestSite) -> None:
    world = World(site, "sign_off")
    clinician, case = world["professional"], f"/cases/{world.values['case_id']}"
    canaries = [f"canary{number}x{uuid4().hex}" for number in range(4)]
    saved, drafted, replaced, said = canaries
    form = {"_base": "1", "question_type": "diagnosis", "question": replaced, "summary": "-"}
    form["urgency"] = "routine"
    address = f"{case}/records/core.request"
    assert clinician.post(address, form).status_code == 303
    assert clinician.post(address, {**form, "_base": "2", "question": saved}).status_code == 303
    clinician.post(f"{address}/draft", {**form, "_base": "3", "question": drafted})
    with site.transaction() as session:
        for one in session.scalars(select(Contribution)):
            one.text = said
    draw_samples(site)
    assert {line.rpartition(" ")[2] for line in holding(site, *canaries)} == set(canaries)
    erase(site, world["centre manager"], world.values["patient_id"])
    assert holding(site, *canaries) == []


def test_a_skeleton_stays_so_that_figures_and_the_audit_hold(site: TestSite) -> None:
    world = World(site, "signed")
    patient_id = UUID(world.values["patient_id"])
    with site.transaction() as session:
        number = session.scalars(select(Panel.number)).one()
        closed_at = session.scalars(select(Panel.closed_at)).one()
        pseudonym = session.get_one(Patient, patient_id).pseudonym
        contributions = len(session.scalars(select(Contribution)).all())
    erase(site, world["centre manager"], str(patient_id))
    with site.transaction() as session:
        patient = session.get_one(Patient, patient_id)
        assert patient.erased_at and patient.pseudonym == pseudonym
        assert (patient.sex, patient.birth_year, patient.birth_month) == ("unknown", None, None)
        assert session.get(SealedIdentity, patient_id) is None
        panel = session.scalars(select(Panel)).one()
        assert (panel.number, panel.closed_at) == (number, closed_at)
        left = session.scalars(select(Contribution)).all()
        assert [one.text for one in left] == [""] * contributions
        assert session.scalar(select(Outcome)) is None
        case = session.get_one(Case, UUID(world.values["case_id"]))
        assert case.withdrawn_at
    audit = world["centre manager"].get("/audit?kind=centre:").text
    assert pseudonym in audit and "erased" in audit
    assert site.events().count("centre:patient:erased") == 1


def test_what_two_patients_share_is_kept_for_the_other(site: TestSite) -> None:
    world = World(site, "draft")
    clinician = world["professional"]
    with site.transaction() as session:
        other = factories.make_case(session, clinician.actor, hcp="CZ01")
        first = session.scalars(select(Attachment).where(Attachment.viewer == "photo")).one()
        session.add(
            Attachment(
                case_id=other.id,
                sha256=first.sha256,
                size=first.size,
                media_type=first.media_type,
                viewer="photo",
                name="Photo",
                added_by=clinician.actor.user_id,
            )
        )
    erase(site, world["centre manager"], world.values["patient_id"])
    assert site.live.files.exists(first.sha256)


def test_an_erased_person_leaves_with_every_enrolment_that_was_merged(site: TestSite) -> None:
    world = World(site, "draft")
    manager, patient_id = world["centre manager"], world.values["patient_id"]
    canary = f"canary{uuid4().hex}"
    with site.transaction() as session:
        other = factories.make_patient(session, manager.actor, hcp="CZ01")
        other.merged_into = UUID(patient_id)
        other.consents[0].original_at = canary
    erase(site, manager, patient_id)
    assert holding(site, canary) == []
    with site.transaction() as session:
        assert session.get_one(Patient, other.id).erased_at


def test_erasing_needs_the_manager_the_key_and_the_pseudonym(site: TestSite) -> None:
    world = World(site, "assessment")
    address = f"/patients/{world.values['patient_id']}/erase"
    with site.transaction() as session:
        name = session.get_one(Patient, UUID(world.values["patient_id"])).pseudonym
    form = {"pseudonym": name}
    assert world["professional"].post(address, form).status_code == 403
    for stranger in ("centre manager elsewhere", "system administrator", "coordinator"):
        assert world[stranger].post(address, form).status_code in {403, 404}, stranger
    manager = world["centre manager"]
    assert manager.post(address, form, touches=False).status_code == 403
    answer = manager.post(address, {"pseudonym": "Wren"})
    assert answer.status_code == 422 and f"Type {name}" in answer.text
    with site.transaction() as session:
        assert session.get_one(Patient, UUID(world.values["patient_id"])).erased_at is None
        assert session.scalar(select(Job).where(Job.kind == SCRUB)) is None
    page = manager.get(address).text
    assert "1 case with 2 saved versions of its forms and 2 files" in page
    assert "panels that are open end" in page
    assert manager.post(address, form).status_code == 303
    assert manager.post(address, form).status_code == 404


def test_every_table_that_points_to_a_case_or_patient_is_reached() -> None:
    reached = {table.name for table in tree_of([uuid4()])}
    for table in METADATA.sorted_tables:
        if {"case_id", "patient_id", "panel_id"} & set(table.columns.keys()):
            assert table.name in reached | {"audit_event"}, table.name


def test_a_copy_holds_everything_before_it_is_erased(site: TestSite) -> None:
    world = World(site, "signed")
    patient_id = world.values["patient_id"]
    canary = f"canary{uuid4().hex}"
    manager = world["centre manager"]
    with site.transaction() as session:
        identity = Identity(
            given_name="Zdeňka", family_name="Přílišná", birth_date=date(2019, 5, 17)
        )
        key = site.live.key
        correct_identity(session, manager.actor, key, UUID(patient_id), identity)
        for table, mine in tree_of([UUID(patient_id)]).items():
            texts = {
                one.name: f"{canary}.{table.name}.{one.name}"
                for one in table.columns
                if isinstance(one.type, String)
                and not isinstance(one.type, LargeBinary)
                and not (one.primary_key or one.foreign_keys or one.unique)
                and f"{table.name}.{one.name}" not in READ_BY_CODE
                and one.name not in SKELETON.get(table.name, set())
            }
            if texts:
                session.execute(update(table).where(mine).values(texts))
    answer = manager.post(f"/patients/{patient_id}/copy")
    assert answer.status_code == 200
    with zipfile.ZipFile(BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        data = archive.read("data.json").decode()
        page = archive.read("read-me-first.html").decode()
        photo = archive.read(next(one for one in names if one.endswith(".jpg")))
        pdf = archive.read(next(one for one in names if one.startswith("outcomes/")))
    value = json.loads(data)
    assert value["identity"][0]["family_name"] == "Přílišná" and "Přílišná" in page
    for text_of in ("contribution.text", "consent.original_at", "consultation_request.question"):
        assert f"{canary}.{text_of}" in data and f"{canary}.{text_of}" in page
    assert photo.startswith(b"\xff\xd8") and pdf.startswith(b"%PDF")
    assert any(one["tag"] == "centre:patient:enrolled" for one in value["read_by"])
    assert "Dr Centre Manager" not in json.dumps(value["read_by"])
    assert "Who read or changed it" in page and "<script" not in page
    assert site.events()[-1] == "centre:patient:copied"
    assert list((site.folder / "files" / "tmp").glob("*")) == []


def test_a_copy_names_the_patient_so_only_those_who_may_know_the_name_get_it(
    site: TestSite,
) -> None:
    world = World(site, "draft")
    address = f"/patients/{world.values['patient_id']}/copy"
    assert world["professional"].post(address).status_code == 403
    assert world["centre manager elsewhere"].post(address).status_code == 404
    assert world["centre manager"].post(address, touches=False).status_code == 403
    assert "centre:patient:copied" not in site.events()
