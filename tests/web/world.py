"""One consultation and everybody who stands to it in some way: what the matrix and the attacks use.

A case of a centre in Prague lies with ERN ITHACA; its panel has a lead, a member, an observer,
somebody who is invited and has not answered, and somebody who was removed. `until` says how far
it has come: `submitted` is before the panel, `sign_off` waits for the members' positions.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from io import BytesIO
from typing import Any, Literal
from uuid import UUID

import msgspec
from PIL import Image
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Role
from cpms_core.cases.models import Attachment, Case, Facet
from cpms_core.cases.records import store_record
from cpms_core.clock import clock
from cpms_core.datasets.records import as_form
from cpms_core.directory.models import Ern, ExpertGroup, ExpertGroupMember
from cpms_core.files import FileStore
from cpms_core.identity.access_decisions import code_of
from cpms_core.identity.access_requests import NewRequest, submit_request
from cpms_core.identity.models import AreaInterest, Recovery, SignInSession, User
from cpms_core.identity.sessions import actor_for
from cpms_core.panels.after.models import FollowUp
from cpms_core.panels.discussion import contributions, questions
from cpms_core.panels.models import ConsultationRequest, Outcome, Panel, PanelMember
from cpms_core.panels.outcome import outcomes, signing
from cpms_core.panels.outcome.positions import give_position
from cpms_core.panels.requests import submission, triage
from cpms_core.panels.requests.consenting import withdraw_consent
from cpms_core.panels.requests.request_form import KEY, RequestForm
from cpms_core.panels.scope import renew_share
from cpms_core.panels.seats import members
from cpms_core.patients.care_team import restrict_patient
from cpms_core.patients.models import BrokenGlass, Patient
from cpms_core.patients.service import Enrolment, NewConsent, enrol_patient, record_consent
from cpms_core.patients.transfer import propose_transfer
from cpms_core.patients.vault import Identity
from cpms_core.registry import Registry
from tests import factories
from tests.core.panels.consultation import plain_opinion, with_key
from tests.plugins.dicom_viewer.images import make_image
from tests.site import ORIGIN, Browser, TestSite

HOME, ELSEWHERE = "CZ01", "FR25"
ERN = "ithaca"
ANOTHER = "rnd"
"""An ERN that takes requests on this site too, for a time."""
STUDY = "1.2.826.0.1.3680043.8.498.1"

CENTRE = frozenset({"professional", "centre manager"})
PANEL = frozenset({"lead", "member", "guest on the panel", "observer", "invited"})
TRIAGE = frozenset({"coordinator", "dispatcher"})
_ROLES: Mapping[str, tuple[Role | None, str | None, str | None]] = {
    "professional": (Role.PROFESSIONAL, HOME, None),
    "professional elsewhere": (Role.PROFESSIONAL, ELSEWHERE, None),
    "centre manager": (Role.CENTRE_MANAGER, HOME, None),
    "centre manager elsewhere": (Role.CENTRE_MANAGER, ELSEWHERE, None),
    "coordinator": (Role.COORDINATOR, "FR10", ERN),
    "coordinator of another ERN": (Role.COORDINATOR, "FR10", "erknet"),
    "dispatcher": (Role.DISPATCHER, "FR10", ERN),
    "researcher": (Role.RESEARCHER, "FR10", ERN),
    "guest": (Role.GUEST, "FR00", None),
    "system administrator": (Role.SYSTEM_ADMIN, ELSEWHERE, None),
    "lead": (Role.PROFESSIONAL, "NO01", None),
    "member": (Role.PROFESSIONAL, "BE01", None),
    "observer": (Role.PROFESSIONAL, "BE01", None),
    "invited": (Role.PROFESSIONAL, "NO01", None),
    # Holds no role; invited to this panel for a week.
    "guest on the panel": (None, None, None),
    "removed from the panel": (Role.PROFESSIONAL, "BE01", None),
    # Has joined without an invitation, and asks for access at the centre of the case.
    "without a role": (None, None, None),
}


NAMES = ("anonymous", *_ROLES)
"""Everybody there is."""

Until = Literal["draft", "submitted", "assessment", "outcome", "sign_off", "signed"]


def photo() -> bytes:
    made = BytesIO()
    Image.new("RGB", (40, 30), "teal").save(made, "JPEG")
    return made.getvalue()


class World:
    def __init__(self, site: TestSite, until: Until = "sign_off") -> None:
        self.site = site
        self.until = until
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
        patient = self._enrol(session)
        case = factories.make_case(session, submitter, patient)
        self._fill(session, case)
        self._attach(session, case, files)
        self._remember(session, patient, case)
        session.get_one(Ern, ANOTHER).ends_on = clock.today() + timedelta(days=30)
        follows = self.id_of("professional elsewhere")
        session.add(AreaInterest(user_id=follows, ern_id=ERN, area="undiagnosed"))
        if self.until == "draft":
            return
        request = submission.submit_request(
            session, submitter, self.registry, case.id, ERN, "undiagnosed"
        )
        self.values["request_id"] = str(request.id)
        if self.until != "submitted":
            panel = triage.name_lead(
                session,
                self["coordinator"].actor,
                self.registry,
                request.id,
                self.id_of("lead"),
                request.row_version,
            )
            self.values["panel_id"] = str(panel.id)
            self._invite(session, panel)
            self._draft_outcome(session, panel)

    def _enrol(self, session: Session) -> Patient:
        submitter = self["professional"].actor
        identity = Identity(given_name="Zdeňka", family_name="Malá", birth_date=date(2019, 5, 17))
        patient = enrol_patient(
            session,
            submitter,
            self.site.live.key,
            factories.hcp_id(session, HOME),
            Enrolment(identity=identity, sex="female"),
        )
        for kind in ("care", "face_photos"):
            consent = NewConsent(
                kind=kind,
                form_version="2024",
                language="cs",
                signer="parent",
                given_on=date(2026, 1, 5),
                original_at="paper file",
            )
            record_consent(session, submitter, patient.id, consent)
        session.refresh(patient)
        return patient

    def _fill(self, session: Session, case: Case) -> None:
        submitter = self["professional"].actor
        asked = RequestForm(question_type="diagnosis", question="Which test?", summary="Delay.")
        store_record(session, submitter, case, self.registry.datasets[KEY], asked)
        findings = self.registry.datasets["ithaca.findings"]
        value = findings.dataset.schema(notes="Tall for the age")
        store_record(session, submitter, case, findings, value)

    def _attach(self, session: Session, case: Case, files: FileStore) -> None:
        """As if both had come through the sandbox."""
        facets = {"study": STUDY, "series": STUDY + ".1", "modality": "MR", "frames": "1"}
        facets |= {"rows": "8", "columns": "8"}
        self.photo = self._attachment(
            case, files, photo(), media_type="image/jpeg", viewer="photo", name="Photo 1"
        )
        self.image = self._attachment(
            case,
            files,
            make_image(),
            media_type="application/dicom",
            viewer="dicom_viewer.dicom",
            name="MR",
            group=STUDY,
            facets=[Facet(key=key, value=value) for key, value in facets.items()],
        )
        session.add_all([self.photo, self.image])
        session.flush()

    def _attachment(
        self, case: Case, files: FileStore, content: bytes, **values: Any
    ) -> Attachment:
        stored = files.add(BytesIO(content))
        return Attachment(
            case_id=case.id,
            sha256=stored.sha256,
            size=stored.size,
            added_by=self.id_of("professional"),
            **values,
        )

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
        self._seat_guest(session, panel)
        self._offer(session, panel)
        self._ask(session, panel)
        contributions.contribute(session, self["lead"].actor, panel.id, "KBG.", "fairly_sure")
        given = contributions.contribute(
            session, self["member"].actor, panel.id, "KBG.", "fairly_sure"
        )
        self.values["contribution_id"] = str(given.id)

    def _seat_guest(self, session: Session, panel: Panel) -> None:
        """As after an invitation that was accepted, without the key that comes with it."""
        guest = self.id_of("guest on the panel")
        seat = PanelMember(
            panel_id=panel.id,
            user_id=guest,
            role="member",
            state="accepted",
            invited_by=self.id_of("coordinator"),
            until=clock.now() + timedelta(days=7),
        )
        session.add(seat)
        renew_share(session, panel.case_id, guest)
        self.values["guest_id"] = str(guest)

    def _ask(self, session: Session, panel: Panel) -> None:
        """The member would wait for an answer of the submitter; the lead has said nothing yet."""
        new = questions.NewQuestion(text="Which exome kit?", asks_to_wait=True)
        asked = questions.ask_submitter(session, self["member"].actor, panel.id, new)
        self.values["question_id"] = str(asked.id)

    def _offer(self, session: Session, panel: Panel) -> None:
        """Somebody who follows the area has offered to take part."""
        offers = factories.make_user(session, hcp=ELSEWHERE, name="Dr Offers")
        seat = PanelMember(
            panel_id=panel.id,
            user_id=offers.id,
            role="member",
            state="offered",
            invited_by=offers.id,
        )
        session.add(seat)
        self.values["offer_id"] = str(offers.id)

    def _draft_outcome(self, session: Session, panel: Panel) -> None:
        if self.until == "assessment":
            return
        lead = self["lead"].actor
        outcome = outcomes.start_outcome(session, lead, panel.id, panel.row_version)
        form = as_form(outcomes.DATASET, plain_opinion())
        outcomes.save_outcome_draft(session, lead, panel.id, form, outcome.row_version)
        if self.until == "outcome":
            return
        outcomes.put_to_members(session, lead, self.registry, "CPMS", panel.id, outcome.row_version)
        for name in ("member", "guest on the panel"):
            give_position(session, self[name].actor, panel.id, 1, "agree")
        if self.until == "signed":
            self._sign(session, panel)

    def _sign(self, session: Session, panel: Panel) -> None:
        policy = self.site.live.key_policy
        lead, key = with_key(session, self["lead"].actor)
        key.origin = ORIGIN
        begun = signing.begin_signature(session, lead, policy, panel.id)
        answer = msgspec.json.encode(key.sign_in(begun.options))
        signing.finish_signature(session, lead, policy, panel.id, begun.challenge_id, answer)
        asked = session.scalars(select(FollowUp).where(FollowUp.kind == "day_21")).one()
        asked.due_on = clock.today()
        self.values["follow_up_id"] = str(asked.id)

    def _remember(self, session: Session, patient: Patient, case: Case) -> None:
        user = session.get_one(User, self.id_of("professional"))
        own = SignInSession.user_id == user.id
        colleague = factories.make_user(session, hcp=HOME, role=None, name="A Colleague")
        locked_out = factories.make_user(session, hcp=HOME, name="Another Colleague")
        recovery = Recovery(user_id=locked_out.id)
        session.add(recovery)
        session.flush()
        self.values: dict[str, str] = {
            "patient_id": str(patient.id),
            "consent_id": str(patient.consents[0].id),
            "case_id": str(case.id),
            "dataset": KEY,
            "attachment_id": str(self.photo.id),
            "ern_id": ERN,
            "user_id": str(self.id_of("member")),
            "person_id": str(colleague.id),
            "recovery_id": str(recovery.id),
            "grant_id": str(locked_out.roles[0].id),
            "access_id": str(self._ask_for_access(session)),
            "glass_id": str(self._break_glass(session, patient, locked_out)),
            "transfer_id": str(self._propose_transfer(session, patient)),
            **self._orphan(session),
            "other_id": str(self._enrolled_twice(session)),
            "receipt_id": str(self._withdraw_contact(session, patient)),
            "key_id": str(factories.make_key(session, user, label="Spare").id),
            "token_id": str(factories.make_api_token(session, user.id)[0]),
            "identity_id": str(factories.make_linked(session, user).id),
            "provider": "eu-login",
            "session_id": str(session.scalars(select(SignInSession.id).where(own)).one()),
            "group": STUDY,
            "hcp_id": str(case.hcp_id),
            "group_id": str(self._group(session)),
            "area": "undiagnosed",
            "follow_up_id": str(case.id),  # of none, until it is signed
        }
        """What stands for a parameter of a path, by its name."""

    def _break_glass(self, session: Session, patient: Patient, by: User) -> UUID:
        """An emergency that has ended by itself."""
        hour = timedelta(hours=1)
        glass = BrokenGlass(
            patient_id=patient.id,
            user_id=by.id,
            opens="identity",
            reason="The laboratory calls.",
            broken_at=clock.now() - 2 * hour,
            until=clock.now() - hour,
        )
        session.add(glass)
        session.flush()
        return glass.id

    def _group(self, session: Session) -> UUID:
        """Experts of whom one is on no panel yet."""
        group = ExpertGroup(ern_id=ERN, name="Group")
        session.add(group)
        session.flush()
        member = self.id_of("professional elsewhere")
        session.add(ExpertGroupMember(group_id=group.id, user_id=member))
        return group.id

    def _orphan(self, session: Session) -> dict[str, str]:
        """Somebody who is gone, and the restricted patient whom nobody else looked after."""
        gone = factories.make_user(session, hcp=HOME, name="Dr Gone")
        actor = actor_for(session, gone)
        patient = factories.make_patient(session, actor, hcp=HOME, pseudonym="Kiwi-1000")
        factories.make_case(session, actor, patient)
        restrict_patient(session, actor, patient.id)
        gone.disabled_at = clock.now()
        session.flush()
        return {"orphan_id": str(patient.id), "gone_id": str(gone.id)}

    def _enrolled_twice(self, session: Session) -> UUID:
        """Another patient of the same centre, who may be the same person."""
        actor = self["professional"].actor
        return factories.make_patient(session, actor, hcp=HOME, pseudonym="Kiwi-1001").id

    def _withdraw_contact(self, session: Session, patient: Patient) -> UUID:
        """A consent that was given and withdrawn, with the receipt of it."""
        submitter = self["professional"].actor
        consent = NewConsent(
            kind="contact",
            form_version="2024",
            language="cs",
            signer="parent",
            given_on=date(2026, 1, 5),
            original_at="paper file",
        )
        given = record_consent(session, submitter, patient.id, consent)
        return withdraw_consent(session, submitter, patient.id, given.id).id

    def _propose_transfer(self, session: Session, patient: Patient) -> UUID:
        elsewhere = factories.hcp_id(session, ELSEWHERE)
        submitter = self["professional"].actor
        return propose_transfer(session, submitter, patient.id, elsewhere, "Moved to Lyon.").id

    def _ask_for_access(self, session: Session) -> UUID:
        new = NewRequest(
            ern_id=ERN,
            hcp_id=factories.hcp_id(session, HOME),
            is_guest_access=False,
            roles=frozenset({Role.PROFESSIONAL}),
        )
        return submit_request(session, self["without a role"].actor, new).id

    def access_code(self) -> str:
        """As the person tells it over the telephone."""
        return code_of(self.site.live.key, UUID(self.values["access_id"]))

    def seen(self, table: type[ConsultationRequest | Panel | Outcome]) -> str:
        """The version of the row of this consultation, as a page would carry it; 1 if none is."""
        with self.site.transaction() as session:
            return str(session.scalar(select(table.row_version)) or 1)
