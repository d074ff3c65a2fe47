"""`cpms import phenopacket`: whole files become whole drafts, broken ones nothing at all."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from cpms_core.actor import Role
from cpms_core.audit import AuditEvent, Event
from cpms_core.cases.models import Case, CodedValue, Record
from cpms_core.cases.records import open_form
from cpms_core.cli import main
from cpms_core.db import transaction
from cpms_core.errors import ConsentMissingError, CpmsError
from cpms_core.identity.models import User
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.requests.submission import submit_request
from cpms_core.patients.models import Patient
from cpms_core.plugins.host import load
from cpms_core.settings import Settings, write_settings
from tests import factories

WHO = "clinician@example.org"
PACKET = {
    "id": "one",
    "subject": {"id": "patient", "sex": "FEMALE"},
    "phenotypicFeatures": [
        {"type": {"id": "HP:0001572", "label": "Macrodontia"}},
        {"type": {"id": "HP:0000252", "label": "Microcephaly"}, "excluded": True},
    ],
    "favouriteColour": "green",
}
BROKEN = {
    "cut.json": b'{"subject": {"sex": "FEM',
    "empty.json": b"",
    "binary.json": b"\x00\x01\x02",
    "deep.json": b'{"subject": ' + b"[" * 100_000,
    "list.json": b"[]",
    "nul.json": b'{"subject": {"id": "a\\u0000"}}',
    "surrogate.json": b'{"subject": {"id": "\\ud800"}}',
    "sex.json": b'{"subject": {"sex": "OFTEN"}}',
}


class Importing:
    """A site's folder over this test's store, with somebody who imports."""

    def __init__(self, engine: Engine, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.engine = engine
        self.data = folder / "site"
        self.inbox = folder / "inbox"
        self._capsys = capsys
        self.data.mkdir()
        self.inbox.mkdir()
        url = engine.url.render_as_string(hide_password=False)
        write_settings(self.data, Settings(database=url))
        with transaction(engine) as session:
            factories.make_user(session, email=WHO)

    def __call__(self, path: Path, who: str = WHO, form: str = "phenopacket") -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["import", form, str(path), "--as", who, "--data", str(self.data)])
        printed = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, printed.out + printed.err

    def count(self, table: type[Case | Patient | Record | CodedValue]) -> int:
        with transaction(self.engine, read_only=True) as session:
            return session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def importing(engine: Engine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Importing:
    return Importing(engine, tmp_path, capsys)


def test_every_published_case_becomes_a_draft(importing: Importing, shared_data: Path) -> None:
    folder = shared_data / "phenopackets"
    files = sorted(folder.rglob("*.json"))
    code, out = importing(folder)
    last = out.splitlines()[-1]
    assert code == 0
    assert last.startswith(f"imported {len(files)} (") and last.endswith(", refused 0")
    assert importing.count(Case) == importing.count(Patient) == len(files) == 360
    with transaction(importing.engine, read_only=True) as session:
        cases = session.scalars(select(Case)).all()
        origins = [case.origin for case in cases]
        findings = sum(
            len(row.data["findings"])
            for row in session.scalars(select(Record).where(Record.dataset == "ithaca.findings"))
        )
        events = session.scalars(select(AuditEvent.tag).where(AuditEvent.case_id.is_not(None)))
        assert list(events).count(Event.CASE_IMPORTED) == len(files)
    given = [json.loads(file.read_text()).get("phenotypicFeatures", []) for file in files]
    assert findings == sum(map(len, given))
    assert all(origin and origin["file"] and origin["remarks"] for origin in origins)


def test_a_broken_file_is_refused_by_name_and_the_others_go_on(importing: Importing) -> None:
    (importing.inbox / "good.json").write_text(json.dumps(PACKET))
    for name, content in BROKEN.items():
        (importing.inbox / name).write_bytes(content)
    (importing.inbox / "notes.txt").write_text("not one of them")
    (importing.inbox / "gone.json").symlink_to("nowhere")
    code, out = importing(importing.inbox)
    assert code == 0
    assert out.splitlines()[-1] == f"imported 1 (1 with remarks), refused {len(BROKEN)}"
    told = dict(line.removeprefix("refused ").split(": ", 1) for line in out.splitlines()[:-1])
    assert told.keys() == BROKEN.keys()
    assert all(told.values())
    assert "Traceback" not in out
    assert importing.count(Case) == importing.count(Patient) == 1


def test_what_has_no_place_stays_with_the_case_and_is_remarked(importing: Importing) -> None:
    file = importing.inbox / "one.json"
    file.write_text(json.dumps(PACKET))
    assert importing(file) == (0, "imported 1 (1 with remarks), refused 0\n")
    with transaction(importing.engine, read_only=True) as session:
        case = session.scalars(select(Case)).one()
        assert case.origin is not None
        assert case.origin["leftover"]["favouriteColour"] == "green"
        assert any("favouriteColour" in remark for remark in case.origin["remarks"])
        record = session.scalars(select(Record)).one()
        absent = {row["term"]["code"]: row["absent"] for row in record.data["findings"]}
        assert absent == {"HP:0001572": False, "HP:0000252": True}


def test_the_summary_stands_in_the_form_of_the_request_unsaved(importing: Importing) -> None:
    file = importing.inbox / "one.json"
    file.write_text(json.dumps(PACKET))
    importing(file)
    registry = load(("ern_ithaca",)).registry
    with transaction(importing.engine) as session:
        actor = actor_for(session, session.scalars(select(User).where(User.email == WHO)).one())
        case = session.scalars(select(Case)).one()
        form = open_form(session, actor, registry, case.id, "core.request")
    [summary] = form.values["summary"]
    assert "Findings present: Macrodontia." in summary
    assert form.draft_at is not None and form.saved_at is None


def test_a_draft_without_consent_cannot_be_submitted(importing: Importing) -> None:
    file = importing.inbox / "one.json"
    file.write_text(json.dumps(PACKET))
    importing(file)
    registry = load(("ern_ithaca",)).registry
    with transaction(importing.engine) as session:
        actor = actor_for(session, session.scalars(select(User).where(User.email == WHO)).one())
        case = session.scalars(select(Case)).one()
        with pytest.raises(ConsentMissingError, match="consent for care"):
            submit_request(session, actor, registry, case.id, "ithaca")


@pytest.mark.parametrize(
    ("who", "form", "told"),
    [
        ("nobody@example.org", "phenopacket", "nobody with the address"),
        (WHO, "spreadsheet", "No plugin reads 'spreadsheet'. Known here: phenopacket."),
        ("researcher@example.org", "phenopacket", "Only somebody who works at a centre"),
    ],
)
def test_an_import_that_cannot_start_says_why(
    importing: Importing, who: str, form: str, told: str
) -> None:
    with transaction(importing.engine) as session:
        factories.make_user(session, role=Role.RESEARCHER, email="researcher@example.org")
    (importing.inbox / "one.json").write_text(json.dumps(PACKET))
    code, out = importing(importing.inbox, who, form)
    assert code == 1
    assert told in out
    assert importing.count(Patient) == 0


def test_a_folder_without_such_files_is_no_success(importing: Importing) -> None:
    code, out = importing(importing.inbox)
    assert "imported 0 (0 with remarks), refused 0" in out
    assert code == 1
    assert importing(importing.inbox / "missing")[1].startswith("cpms: There is no ")


def test_the_store_failing_half_way_leaves_no_half_case(
    importing: Importing, monkeypatch: pytest.MonkeyPatch
) -> None:
    (importing.inbox / "one.json").write_text(json.dumps(PACKET))

    def fail(*_: object, **__: object) -> None:
        raise CpmsError("The store is full.")

    # Not `audit.record`: pages that are imported meanwhile would keep it for ever.
    monkeypatch.setattr("cpms_core.cases.importing.store_record", fail)
    code, out = importing(importing.inbox)
    assert code == 1
    assert "refused one.json: The store is full." in out
    assert importing.count(Case) == importing.count(Patient) == importing.count(Record) == 0
