"""Fill a demonstration with invented people, patients and cases, by the acts of those people.

Everything goes through the services that pages use, so that the audit and every guard see it. The
people have no keys: the administrator makes a new link for whomever one wants to be.
"""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor, Role
from cpms_core.cases.records import store_record
from cpms_core.cases.service import open_case
from cpms_core.clock import clock
from cpms_core.datasets.records import decode
from cpms_core.directory.areas import offered_areas
from cpms_core.directory.models import Hcp
from cpms_core.identity.models import User
from cpms_core.identity.people import NewPerson, invite_person
from cpms_core.identity.sessions import actor_for
from cpms_core.keys import SiteKey
from cpms_core.panels.discussion.contributions import contribute
from cpms_core.panels.models import Panel
from cpms_core.panels.requests.submission import missing_parts, submit_request
from cpms_core.panels.requests.triage import name_lead
from cpms_core.panels.seats.members import invite_expert
from cpms_core.patients.service import (
    Enrolment,
    NewConsent,
    enrol_patient,
    record_consent,
)
from cpms_core.patients.vault import Identity
from cpms_core.registry import Registry

DOMAIN = "demonstration.example"
_ERN = "ithaca"
_COORDINATOR = "dubois"
_FILE = Path(__file__).with_suffix(".toml")


class _Person(msgspec.Struct, kw_only=True):
    name: str
    email: str
    hcp: str
    specialty: str
    role: Role
    ern: str | None = None


class _Patient(msgspec.Struct, kw_only=True):
    by: str
    given_name: str
    family_name: str
    birth_date: date
    sex: str
    consents: list[str]


class _Opinion(msgspec.Struct):
    who: str
    certainty: str
    text: str


class _Case(_Patient, kw_only=True):
    records: dict[str, dict[str, Any]]
    area: str | None = None
    """None for a draft; empty for "I do not know"."""
    lead: str | None = None
    experts: list[str] = []
    says: list[_Opinion] = []


class _Demonstration(msgspec.Struct):
    people: list[_Person]
    patients: list[_Patient]
    cases: list[_Case]


def fill_demonstration(session: Session, admin: Actor, key: SiteKey, registry: Registry) -> None:
    """Everything of demonstration.toml; `admin` is who invites the people."""
    told = msgspec.toml.decode(_FILE.read_bytes(), type=_Demonstration)
    stage = _Stage(session, admin, key, registry, told.people)
    for patient in told.patients:
        stage.enrol(patient)
    for case in told.cases:
        stage.play(case)


class _Stage:
    def __init__(
        self,
        session: Session,
        admin: Actor,
        key: SiteKey,
        registry: Registry,
        people: list[_Person],
    ) -> None:
        self.session, self.admin, self.key, self.registry = session, admin, key, registry
        self.actors = {person.email: self._hire(person) for person in people}

    def enrol(self, told: _Patient) -> Any:
        actor = self.actors[told.by]
        (hcp_id,) = actor.centres(Role.PROFESSIONAL)
        identity = Identity(
            given_name=told.given_name, family_name=told.family_name, birth_date=told.birth_date
        )
        enrolment = Enrolment(identity=identity, sex=told.sex)
        patient = enrol_patient(self.session, actor, self.key, hcp_id, enrolment)
        for kind in told.consents:
            new = NewConsent(
                kind=kind,
                form_version="2024",
                language="en",
                signer="parent",
                given_on=clock.today(),
                original_at="invented: there is no paper",
            )
            record_consent(self.session, actor, patient.id, new)
        self.session.expire(patient)
        return patient

    def play(self, told: _Case) -> None:
        """Open, fill, send, triage and discuss, as far as the case is told."""
        actor = self.actors[told.by]
        case = open_case(self.session, actor, self.enrol(told).id)
        for key, data in told.records.items():
            entry = self.registry.datasets.get(key)
            if entry is not None:
                value = decode(entry.dataset, entry.dataset.version, data)
                store_record(self.session, actor, case, entry, value)
        if told.area is None or missing_parts(self.session, self.registry, case, _ERN):
            return
        areas = {area.key for area in offered_areas(self.session, self.registry, _ERN)}
        area = told.area if told.area in areas else ""
        request = submit_request(self.session, actor, self.registry, case.id, _ERN, area)
        if told.lead is None:
            return
        coordinator = self.actors[_COORDINATOR]
        panel: Panel = name_lead(
            self.session,
            coordinator,
            self.registry,
            request.id,
            self.actors[told.lead].user_id,
            request.row_version,
        )
        for expert in told.experts:
            invite_expert(self.session, coordinator, panel.id, self.actors[expert].user_id)
        for opinion in told.says:
            contribute(
                self.session,
                self.actors[opinion.who],
                panel.id,
                opinion.text,
                opinion.certainty,
            )

    def _hire(self, person: _Person) -> Actor:
        hcp_id = self.session.scalars(select(Hcp.id).where(Hcp.code == person.hcp)).one()
        new = NewPerson(
            email=f"{person.email}@{DOMAIN}",
            name=person.name,
            role=person.role,
            hcp_id=hcp_id,
            ern_id=person.ern,
            specialty=person.specialty,
        )
        ticket = invite_person(self.session, self.admin, self.key, new)
        return actor_for(self.session, self.session.get_one(User, ticket.user_id))
