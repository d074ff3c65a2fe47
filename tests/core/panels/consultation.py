"""A consultation as the tests need it: people, a case that can be sent, and each step in a call."""

from typing import Annotated, Any

from msgspec import Meta, Struct, structs
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.cases.models import Case
from cpms_core.cases.records import store_record
from cpms_core.datasets.records import as_form
from cpms_core.declarations import DataClass, Dataset, Network, ThematicArea
from cpms_core.identity.models import SecurityKey, User
from cpms_core.identity.sessions import actor_for, start_session
from cpms_core.identity.tokens import new_token
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.discussion import contributions
from cpms_core.panels.models import ConsultationRequest, Outcome, Panel, PanelErn
from cpms_core.panels.outcome import outcomes, positions
from cpms_core.panels.outcome import versions as outcome_versions
from cpms_core.panels.outcome.draft import OutcomeDraft
from cpms_core.panels.requests import submission, triage
from cpms_core.panels.requests.request_form import KEY, REQUEST, RequestForm
from cpms_core.panels.seats import members
from cpms_core.registry import Declared, PluginInfo, Registry, merge
from tests.core.panels.make_outcome import ORIGIN, make_opinion
from tests.factories import make_case, make_user
from tests.softkey import SoftKey


class Findings(Struct, frozen=True, kw_only=True):
    seen: Annotated[str, Meta(title="Seen", min_length=1)]


FINDINGS = Dataset(key="fake.findings", title="Findings", schema=Findings)
ITHACA = Network(
    key="ithaca",
    case_prefix="ITH",
    required_datasets=("fake.findings",),
    areas=(ThematicArea(key="undiagnosed", title="Undiagnosed"),),
)


def make_registry(network: Network = ITHACA, consent: DataClass = "text") -> Registry:
    info, findings = PluginInfo(name="fake"), structs.replace(FINDINGS, consent=consent)
    return merge([Declared(info=info, networks=(network,), datasets=(REQUEST, findings))])


REGISTRY = make_registry()
SITE = "CPMS of the test"


def act(
    session: Session, role: Role = Role.PROFESSIONAL, hcp: str = "FR10", **values: Any
) -> Actor:
    return actor_for(session, make_user(session, role=role, hcp=hcp, **values))


def fill_case(session: Session, actor: Actor, case: Case, **changes: Any) -> None:
    """Everything a request needs."""
    form = {"question_type": "diagnosis", "question": "Which test next?", "summary": "Delay."}
    value = RequestForm(**(form | changes))
    store_record(session, actor, case, REGISTRY.datasets[KEY], value)
    store_record(session, actor, case, REGISTRY.datasets["fake.findings"], Findings(seen="tall"))


class Consultation:
    """A submitter in Prague, a coordinator in Paris, a lead in Oslo, experts in Ghent and Lyon."""

    def __init__(self, session: Session, **changes: Any) -> None:
        self.session = session
        self.submitter = act(session, hcp="CZ01", name="Dr Žofie Příhodová")
        self.coordinator = act(session, Role.COORDINATOR, hcp="FR10", name="Dr Coordinator")
        self.lead = act(session, hcp="NO01", name="Dr Lead")
        self.ghent = act(session, hcp="BE01", name="Dr Ghent")
        self.lyon = act(session, hcp="FR25", name="Dr Lyon")
        self.case = make_case(session, self.submitter, hcp="CZ01")
        fill_case(session, self.submitter, self.case, **changes)

    def submit(self, area: str = "undiagnosed") -> ConsultationRequest:
        self.request = submission.submit_request(
            self.session, self.submitter, REGISTRY, self.case.id, "ithaca", area
        )
        return self.request

    def name_lead(self, lead: Actor | None = None) -> Panel:
        self.panel = triage.name_lead(
            self.session,
            self.coordinator,
            REGISTRY,
            self.request.id,
            (lead or self.lead).user_id,
            self.request.row_version,
        )
        return self.panel

    def share(self, ern_id: str) -> None:
        """The panel belongs to this ERN too."""
        request = ConsultationRequest(
            case_id=self.case.id,
            ern_id=ern_id,
            question=self.request.question,
            urgency=self.request.urgency,
            state="accepted",
            submitted_by=self.submitter.user_id,
        )
        self.session.add(request)
        self.session.flush()
        self.session.add(PanelErn(panel_id=self.panel.id, ern_id=ern_id, request_id=request.id))
        renew_panel(self.session, self.panel)

    def invite(self, *experts: Actor) -> None:
        for expert in experts:
            members.invite_expert(self.session, self.coordinator, self.panel.id, expert.user_id)

    def accept(self, expert: Actor) -> None:
        members.answer_invitation(self.session, expert, self.panel.id, accept=True)

    def contribute(self, author: Actor, text: str = "KBG, I think.") -> None:
        contributions.contribute(self.session, author, self.panel.id, text, "fairly_sure")

    def assess(self) -> "Consultation":
        """To the assessment with contributions from Ghent and Lyon."""
        self.submit()
        self.name_lead()
        self.invite(self.ghent, self.lyon)
        self.contribute(self.ghent)
        self.contribute(self.lyon)
        return self

    def draft(self, opinion: OutcomeDraft | None = None) -> Outcome:
        """Start the outcome if it is not started, and save a draft."""
        if self.panel.stage == "assessment":
            outcomes.start_outcome(self.session, self.lead, self.panel.id, self.panel.row_version)
        return self.save(opinion or plain_opinion())

    def save(self, opinion: OutcomeDraft, seen: int | None = None) -> Outcome:
        outcome = self.newest()
        form = as_form(outcomes.DATASET, opinion)
        return outcomes.save_outcome_draft(
            self.session,
            self.lead,
            self.panel.id,
            form,
            outcome.row_version if seen is None else seen,
        )

    def newest(self) -> Outcome:
        """The newest version as it stands."""
        outcome = outcome_versions.newest_outcome(self.session, self.panel.id)
        assert outcome is not None
        return outcome

    def put(self) -> Outcome:
        outcome = self.newest()
        return outcomes.put_to_members(
            self.session, self.lead, REGISTRY, SITE, self.panel.id, outcome.row_version
        )

    def judge(self, who: Actor, verdict: str = "agree", remark: str = "", **values: Any) -> None:
        version = values.pop("version", self.newest().version)
        positions.give_position(
            self.session, who, self.panel.id, version, verdict, remark, **values
        )

    def sign_off(self) -> "Consultation":
        self.assess()
        self.draft()
        self.put()
        return self


def plain_opinion(**changes: Any) -> OutcomeDraft:
    """An outcome without coded terms, which no test store has."""
    values = {"diagnosis": None, "certainty": None, "kind": "management advice", "differential": ()}
    return make_opinion(**(values | changes))


def with_key(session: Session, actor: Actor) -> tuple[Actor, SoftKey]:
    """The same person in a browser, with a software key enrolled."""
    key = SoftKey(ORIGIN)
    row = SecurityKey(
        user_id=actor.user_id,
        credential_id=key.credential_id,
        public_key=key.public_key,
        sign_count=0,
        aaguid=key.aaguid,
        format="none",
        attestation=b"",
        label="Security key 1",
    )
    session.add(row)
    session.flush()
    user = session.get_one(User, actor.user_id)
    session_id = start_session(session, user, row, new_token(), "test")
    signed_in = Actor(
        user_id=actor.user_id,
        name=actor.name,
        email=actor.email,
        grants=actor.grants,
        session_id=session_id,
    )
    return signed_in, key
