"""What a new demonstration holds."""

from sqlalchemy import select

from cpms_core.audit import AuditEvent
from cpms_core.cases.models import Case
from cpms_core.demonstration import fill_demonstration
from cpms_core.identity.people import first_admin
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.patients.models import Patient, SealedIdentity
from tests.site import TestSite


def test_a_demonstration_has_cases_in_every_early_stage(site: TestSite) -> None:
    with site.transaction() as session:
        admin = actor_for(session, first_admin(session, "admin@demonstration.example", "Admin"))
        fill_demonstration(session, admin, site.live.key, site.live.registry)
    with site.transaction() as session:
        stages = set(session.scalars(select(Panel.stage)))
        states = set(session.scalars(select(ConsultationRequest.state)))
        sent = set(session.scalars(select(ConsultationRequest.case_id)))
        drafts = set(session.scalars(select(Case.id))) - sent
        sealed = set(session.scalars(select(SealedIdentity.patient_id)))
        assert stages == {"assessment", "panel_selection"}
        assert states == {"accepted", "submitted"}
        assert drafts
        assert sealed == set(session.scalars(select(Patient.id)))
        assert session.scalars(select(AuditEvent.id)).first()
