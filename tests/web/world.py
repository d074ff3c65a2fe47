"""One consultation and everybody who stands to it in some way: what the matrix and the attacks use.

A case of a centre in Prague lies with ERN ITHACA; its panel has a lead, a member, an observer and
somebody who is invited and has not answered, and its outcome waits for the members' positions.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.access import Standing
from cpms_core.actor import Role
from cpms_core.cases.models import Attachment, Case, Facet
from cpms_core.cases.records import store_record
from cpms_core.files import FileStore
from cpms_core.identity.models import SecurityKey
from cpms_core.panels import discussion, members, outcomes, submission, triage
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.request_form import KEY, RequestForm
from cpms_core.patients.models import Patient
from cpms_core.records import as_form
from cpms_core.registry import Registry
from tests import factories
from tests.core.panels.consultation import plain_opinion
from tests.site import Browser, TestSite

HOME, ELSEWHERE = "CZ01", "FR25"
ERN = "ithaca"
STUDY = "1.2.826.0.1.3680043.8.498.1"

S = Standing
STANDINGS: Mapping[str, frozenset[Standing]] = {
    "anonymous": frozenset(),
    "professional": frozenset({S.CENTRE_PROFESSIONAL}),
    "professional elsewhere": frozenset(),
    "centre manager": frozenset({S.CENTRE_MANAGER}),
    "centre manager elsewhere": frozenset(),
    "coordinator": frozenset({S.COORDINATOR}),
    "coordinator of another ERN": frozenset(),
    "dispatcher": frozenset({S.DISPATCHER}),
    "researcher": frozenset({S.RESEARCHER}),
    "guest": frozenset(),
    "system administrator": frozenset({S.SYSTEM_ADMIN}),
    "lead": frozenset({S.LEAD}),
    "member": frozenset({S.MEMBER}),
    "observer": frozenset({S.OBSERVER}),
    "invited": frozenset({S.INVITED}),
    "removed from the panel": frozenset(),
}
"""Who there is, and how each stands to the case."""

_ROLES: Mapping[str, tuple[Role, str, str | None]] = {
    "professional": (Role.PROFESSIONAL, HOME, None),
    "professional elsewhere": (Role.PROFESSIONAL, ELSEWHERE, None),
    "centre manager": (Role.CENTRE_MANAGER, HOME, None),
    "centre manager elsewhere": (Role.CENTRE_MANAGER, ELSEWHERE, None),
    "coordinator": (Role.COORDINATOR, "FR10", ERN),
    "coordinator of another ERN": (Role.COORDINATOR, "FR10", "erknet"),
    "dispatcher": (Role.DISPATCHER, "FR10", ERN),
    "researcher": (Role.RESEARCHER, "FR10", ERN),
    "guest": (Role.GUEST, ELSEWHERE, None),
    "system administrator": (Role.SYSTEM_ADMIN, ELSEWHERE, None),
    "lead": (Role.PROFESSIONAL, "NO01", None),
    "member": (Role.PROFESSIONAL, "BE01", None),
    "observer": (Role.PROFESSIONAL, "BE01", None),
    "invited": (Role.PROFESSIONAL, "NO01", None),
    "removed from the panel": (Role.PROFESSIONAL, "BE01", None),
}


class World:
    def __init__(self, site: TestSite) -> None:
        self.site = site
        self.registry: Registry = site.live.registry
        self.people: dict[str, Browser] = {"anonymous": site.browser()}
        for name, (role, hcp, ern) in _ROLES.items():
            self.people[name] = site.person(role, hcp=hcp, ern=ern, name=f"Dr {name.title()}")
        with site.transaction() as session:
            self._consult(session, site.live.files)

    def __getitem__(self, name: str) -> Browser:
        return self.people[name]

    def id_of(self, name: str) -> UUID:
        return self[name].actor.user_id

    def _consult(self, session: Session, files: FileStore) -> None:
        submitter = self["professional"].actor
        patient = factories.make_patient(session, submitter, hcp=HOME)
        case = factories.make_case(session, submitter, patient)
        self._fill(session, case)
        self._attach(session, case, files)
        request = submission.submit_request(
            session, submitter, self.registry, case.id, ERN, "undiagnosed"
        )
        panel = triage.name_lead(
            session,
            self["coordinator"].actor,
            self.registry,
            request.id,
            self.id_of("lead"),
            request.row_version,
        )
        self._invite(session, panel)
        self._draft_outcome(session, panel)
        self._remember(session, patient, case, request, panel)

    def _fill(self, session: Session, case: Case) -> None:
        submitter = self["professional"].actor
        asked = RequestForm(question_type="diagnosis", question="Which test?", summary="Delay.")
        store_record(session, submitter, case, self.registry.datasets[KEY], asked)
        findings = self.registry.datasets["ithaca.findings"]
        value = findings.dataset.schema(notes="Tall for the age")
        store_record(session, submitter, case, findings, value)

    def _attach(self, session: Session, case: Case, files: FileStore) -> None:
        incoming = files.incoming()
        incoming.write_bytes(b"\xff\xd8\xff\xd9")
        stored = files.adopt(incoming)
        common: dict[str, Any] = {
            "case_id": case.id,
            "sha256": stored.sha256,
            "size": stored.size,
            "added_by": self.id_of("professional"),
        }
        self.photo = Attachment(media_type="image/jpeg", viewer="photo", name="Photo 1", **common)
        facets = {"study": STUDY, "series": STUDY + ".1", "modality": "MR", "frames": "1"}
        self.image = Attachment(
            media_type="application/dicom",
            viewer="dicom_viewer.dicom",
            name="MR",
            group=STUDY,
            facets=[Facet(key=key, value=value) for key, value in facets.items()],
            **common,
        )
        session.add_all([self.photo, self.image])
        session.flush()

    def _invite(self, session: Session, panel: Panel) -> None:
        coordinator = self["coordinator"].actor
        for name, role in (
            ("member", "member"),
            ("observer", "observer"),
            ("invited", "member"),
            ("removed from the panel", "member"),
        ):
            members.invite_expert(session, coordinator, panel.id, self.id_of(name), role)
        for name in ("member", "observer", "removed from the panel"):
            members.answer_invitation(session, self[name].actor, panel.id, accept=True)
        members.remove_member(session, coordinator, panel.id, self.id_of("removed from the panel"))
        for name in ("lead", "member"):
            discussion.contribute(session, self[name].actor, panel.id, "KBG.", "fairly_sure")

    def _draft_outcome(self, session: Session, panel: Panel) -> None:
        lead = self["lead"].actor
        outcome = outcomes.start_outcome(session, lead, panel.id, panel.row_version)
        form = as_form(outcomes.DATASET, plain_opinion())
        outcomes.save_outcome_draft(session, lead, panel.id, form, outcome.row_version)
        outcomes.put_to_members(session, lead, self.registry, "CPMS", panel.id, outcome.row_version)

    def _remember(
        self,
        session: Session,
        patient: Patient,
        case: Case,
        request: ConsultationRequest,
        panel: Panel,
    ) -> None:
        keys = select(SecurityKey.id).where(SecurityKey.user_id == self.id_of("professional"))
        self.values: dict[str, str] = {
            "patient_id": str(patient.id),
            "consent_id": str(patient.consents[0].id),
            "case_id": str(case.id),
            "dataset": KEY,
            "request_id": str(request.id),
            "panel_id": str(panel.id),
            "attachment_id": str(self.photo.id),
            "ern_id": ERN,
            "user_id": str(self.id_of("professional")),
            "key_id": str(session.scalars(keys).first()),
            "session_id": str(self["professional"].actor.session_id),
            "group": STUDY,
        }
        """What stands for a parameter of a path, by its name."""
