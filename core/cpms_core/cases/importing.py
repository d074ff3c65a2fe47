"""Turn files into draft cases, a transaction each: a broken one is refused, the others go on."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import AT_A_CENTRE, CENTRE_ROLES, Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.cases.reading import SUMMARY_DATASET
from cpms_core.cases.records import dataset_entry, keep_draft, store_record
from cpms_core.cases.service import add_case
from cpms_core.datasets import records
from cpms_core.db import transaction
from cpms_core.declarations import ImportedCase, Importer
from cpms_core.errors import CpmsError, ForbiddenError
from cpms_core.patients.service import add_pseudonymous
from cpms_core.registry import DatasetEntry, Registry

MAX_BYTES = 20_000_000


class Imported(Struct):
    imported: int = 0
    remarked: int = 0
    refused: list[tuple[str, str]] = []


def import_files(
    engine: Engine, actor: Actor, registry: Registry, importer: Importer, path: Path
) -> Imported:
    """Every file of this format below `path`, as drafts of the actor's centre."""
    if not actor.centres(*AT_A_CENTRE):
        raise ForbiddenError("Only somebody who works at a centre can import cases into it.")
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    result = Imported()
    for file in files:
        if path.is_dir() and not file.name.lower().endswith(importer.suffixes):
            continue
        name = str(file.relative_to(path)) if path.is_dir() else file.name
        try:
            found = _read(importer, file)
            with transaction(engine) as session:
                import_case(session, actor, registry, importer, name, found)
        except (CpmsError, ValueError, OSError) as error:
            result.refused.append((name, str(error)))
            continue
        result.imported += 1
        result.remarked += bool(found.remarks)
    return result


def import_case(
    session: Session,
    actor: Actor,
    registry: Registry,
    importer: Importer,
    name: str,
    found: ImportedCase,
) -> Case:
    """One draft; its consent is still to be recorded, so it cannot be submitted yet."""
    hcp_id = min(actor.centres(*CENTRE_ROLES) or actor.centres(Role.GUEST))
    patient = add_pseudonymous(
        session,
        actor,
        hcp_id,
        sex=found.sex,
        birth_year=found.birth_year,
        birth_month=found.birth_month,
    )
    values = [(dataset_entry(registry, key), value) for key, value in found.records.items()]
    origin: dict[str, Any] = {
        "format": importer.key,
        "file": name,
        "remarks": [*found.remarks, *_doubts(values)],
        "leftover": found.leftover,
    }
    case = add_case(session, actor, patient, origin)
    for entry, value in values:
        store_record(session, actor, case, entry, value)
    # Unsaved: it is the clinician who asks, in words that the clinician has read.
    typed = {"question": [found.question], "summary": [found.summary]}
    if any(text for [text] in typed.values()):
        keep_draft(session, actor, registry, case.id, SUMMARY_DATASET, typed, base_revision=0)
    audit.record(session, actor, Event.CASE_IMPORTED, case_id=case.id, hcp_id=hcp_id)
    return case


def _doubts(values: Sequence[tuple[DatasetEntry, Struct]]) -> list[str]:
    """What a form would refuse of the values; they are kept as they came."""
    return [
        f"{entry.dataset.title}: {message}"
        for entry, value in values
        for message in records.problems(entry.dataset, value).values()
    ]


def _read(importer: Importer, file: Path) -> ImportedCase:
    if file.stat().st_size > MAX_BYTES:
        raise ValueError("The file is larger than 20 MB.")
    return importer.read(file.read_bytes())
