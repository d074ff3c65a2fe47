"""The part of a person's copy that people read: one HTML file that needs nothing else."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from cpms_core import words
from cpms_core.cases.models import Case
from cpms_core.cases.queries import record_views, shown_record
from cpms_core.clock import clock
from cpms_core.http.visit import PageVisit
from cpms_core.keeping.patient_copy import PatientCopy
from cpms_core.patients.consent_rules import in_words as classes_in_words
from cpms_core.patients.service import ASSENTS, CONSENT_KINDS, SEXES, SIGNERS
from cpms_web.audit_words import in_words, roles_in_words


def readable_copy(visit: PageVisit, copy: PatientCopy) -> bytes:
    ids = [row["id"] for row in copy.tables["clinical_case"]]
    cases = visit.session.scalars(select(Case).where(Case.id.in_(ids)).order_by(Case.created_at))
    values = {
        "copy": copy,
        "made_at": clock.now(),
        "born": words.person(copy.patient.sex, copy.patient.birth_year, copy.patient.birth_month),
        "cases": [_case(visit, copy, case.id) for case in cases],
        "kinds": CONSENT_KINDS,
        "classes": classes_in_words,
        "signers": SIGNERS,
        "sexes": SEXES,
        "assents": ASSENTS,
        "act": in_words,
        "roles": roles_in_words,
    }
    template = visit.site.templates.environment.get_template("web/patient_copy.html")
    return template.render(**values).encode()


def _case(visit: PageVisit, copy: PatientCopy, case_id: UUID) -> dict[str, Any]:
    registry = visit.site.registry
    panels = [row for row in copy.tables["panel"] if row["case_id"] == case_id]
    panel_ids = {row["id"] for row in panels}
    return {
        "id": case_id,
        "records": [
            (
                registry.datasets[view.dataset].dataset.title
                if view.dataset in registry.datasets
                else view.dataset,
                view,
                shown_record(registry, view),
            )
            for view in record_views(visit.session, registry, case_id)
        ],
        "files": [one for one in copy.files if one.case_id == case_id],
        "requests": [
            row for row in copy.tables["consultation_request"] if row["case_id"] == case_id
        ],
        "panels": panels,
        "contributions": [
            row for row in copy.tables["contribution"] if row["panel_id"] in panel_ids
        ],
        "outcomes": [
            one for one in copy.outcomes if one.number in {row["number"] for row in panels}
        ],
    }
