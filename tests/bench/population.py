"""A busy ERN, made through the services: people, cases, requests and panels in every stage."""

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core import Finding, Term
from cpms_core.actor import Actor, Role
from cpms_core.cases.records import store_record
from cpms_core.cases.service import open_case
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.models import User
from cpms_core.identity.sessions import actor_for
from cpms_core.panels import moves
from cpms_core.panels.clock.renewal import renew_panel
from cpms_core.panels.discussion import contributions
from cpms_core.panels.models import ConsultationRequest, Panel
from cpms_core.panels.requests import submission, triage
from cpms_core.panels.requests.request_form import KEY, RequestForm
from cpms_core.panels.seats import members
from cpms_core.panels.stages import Stage
from cpms_core.registry import Registry
from tests import factories
from tests.bench import words

CENTRES = ("FR10", "FR25", "BE01", "CZ01", "GR01", "IT01", "NO01", "FR30")
_URGENT_EVERY = 7


class Population:
    """Fills a store; everything that looks like chance comes from one seed."""

    def __init__(self, engine: Engine, registry: Registry, seed: int = 7) -> None:
        self._engine = engine
        self._registry = registry
        self._chance = random.Random(seed)  # noqa: S311 - invented data, not a secret
        self._names = words.names(self._chance)
        self._count = itertools.count()
        self._coordinator = self._person(Role.COORDINATOR, "FR10")
        self._submitters = [self._person(Role.PROFESSIONAL, code) for code in CENTRES]
        self._experts = [self._person(Role.PROFESSIONAL, code) for code in CENTRES + CENTRES[:4]]

    def fill(self, *, requests: int, panels: int, closed: int = 0) -> None:
        """So many requests to triage, open panels and closed ones."""
        for _ in range(closed):
            self._close()
        for place in range(panels):
            self._panel(days_ago=self._chance.randint(2, 25), stage=_STAGES[place % len(_STAGES)])
        for _ in range(requests):
            with self._days_ago(self._chance.random() * 2), transaction(self._engine) as session:
                self._request(session)

    def sign_in(self, count: int, role: Role = Role.COORDINATOR) -> list[str]:
        """So many browsers of as many people; their cookies' tokens."""
        with transaction(self._engine) as session:
            people = [
                factories.make_user(session, role=role, hcp="FR10", name=next(self._names))
                for _ in range(count)
            ]
            return [factories.make_session(session, person) for person in people]

    def sign_in_one_of_each(self) -> dict[str, str]:
        """A token by what its person does here; a manager of a centre is new."""
        people = {
            "coordinator": self._coordinator,
            "expert": self._experts[0],
            "clinician": self._submitters[0],
            "centre manager": self._person(Role.CENTRE_MANAGER, CENTRES[0]),
        }
        with transaction(self._engine) as session:
            return {
                what: factories.make_session(session, session.get_one(User, one.user_id))
                for what, one in people.items()
            }

    def _person(self, role: Role, hcp: str) -> Actor:
        with transaction(self._engine) as session:
            user = factories.make_user(session, role=role, hcp=hcp, name=next(self._names))
            return actor_for(session, user)

    def _request(self, session: Session) -> ConsultationRequest:
        place = next(self._count)
        centre = place % len(CENTRES)
        submitter = self._submitters[centre]
        born = clock.today() - timedelta(days=self._chance.randint(20, 12_000))
        patient = factories.make_patient(
            session,
            submitter,
            hcp=CENTRES[centre],
            pseudonym=f"{words.BIRDS[place % len(words.BIRDS)]}-{10 + place}",
            sex=self._chance.choice(("female", "male")),
            birth_year=born.year,
            birth_month=born.month,
        )
        case = open_case(session, submitter, patient.id)
        is_urgent = place % _URGENT_EVERY == 0
        asked = RequestForm(
            question_type="diagnosis",
            question=self._chance.choice(words.QUESTIONS),
            summary=words.SUMMARY,
            urgency="urgent" if is_urgent else "routine",
            urgency_reason="Treatment starts this week." if is_urgent else "",
        )
        store_record(session, submitter, case, self._registry.datasets[KEY], asked)
        entry = self._registry.datasets["ithaca.findings"]
        store_record(session, submitter, case, entry, entry.dataset.schema(findings=_findings()))
        areas = [area.key for area in self._registry.networks["ithaca"].areas]
        return submission.submit_request(
            session, submitter, self._registry, case.id, "ithaca", self._chance.choice(areas)
        )

    def _panel(self, days_ago: float, stage: Stage) -> tuple[Panel, Actor]:
        """Submitted then; each later step some hours or days after the one before."""
        experts = self._chance.sample(self._experts, 5)
        with self._days_ago(days_ago), transaction(self._engine) as session:
            request = self._request(session)
            self._wait(0.02, 0.4)
            panel = triage.name_lead(
                session,
                self._coordinator,
                self._registry,
                request.id,
                experts[0].user_id,
                request.row_version,
            )
            for expert in experts[1:]:
                members.invite_expert(session, self._coordinator, panel.id, expert.user_id)
            if stage is not Stage.PANEL_SELECTION:
                self._contribute(session, panel, experts[1:])
            if stage is Stage.DATA_COMPLETION:
                self._wait(0.1, 1)
                moves.move_stage(session, experts[0], panel.id, stage, panel.row_version)
            return panel, experts[0]

    def _contribute(self, session: Session, panel: Panel, experts: Sequence[Actor]) -> None:
        for expert in experts[: self._chance.randint(1, len(experts))]:
            self._wait(0.1, 0.5)
            opinion = self._chance.choice(words.OPINIONS)
            contributions.contribute(session, expert, panel.id, opinion, "fairly_sure")

    def _close(self) -> None:
        """As a signature leaves it, without a security key's part: the outcome itself is none."""
        panel, _lead = self._panel(self._chance.randint(40, 400), Stage.ASSESSMENT)
        with transaction(self._engine) as session:
            row = session.get_one(Panel, panel.id)
            answered_at = row.first_response_at or row.triaged_at
            row.closed_at = answered_at + timedelta(days=self._chance.uniform(3, 30))
            row.stage, row.stage_at = str(Stage.CLOSED), row.closed_at
            renew_panel(session, row)

    @contextmanager
    def _days_ago(self, days: float) -> Iterator[None]:
        clock.offset = -timedelta(days=days)
        try:
            yield
        finally:
            clock.offset = timedelta()

    def _wait(self, least: float, most: float) -> None:
        """Let some days pass, but never into the future."""
        later = clock.offset + timedelta(days=self._chance.uniform(least, most))
        clock.offset = min(later, -timedelta(minutes=1))


_STAGES = (Stage.ASSESSMENT, Stage.ASSESSMENT, Stage.PANEL_SELECTION, Stage.DATA_COMPLETION)


def _findings() -> tuple[Finding, ...]:
    return tuple(
        Finding(term=Term("hpo", code, label), absent=is_absent)
        for code, label, is_absent in words.FINDINGS
    )
