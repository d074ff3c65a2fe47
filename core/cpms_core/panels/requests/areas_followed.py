"""New cases in the thematic areas that a person follows, and the offer to take part in one.

Whoever follows an area learns of a case its ERN and area, how urgent it is, age and sex, the
country and the question. All else stays closed until the panel accepts the offer.
"""

from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct
from sqlalchemy import and_, delete, exists, insert, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from cpms_core import audit, me, words
from cpms_core.access import Subject, ensure
from cpms_core.actor import Actor, Role
from cpms_core.audit import Event
from cpms_core.cases.models import Case
from cpms_core.db import before_now
from cpms_core.directory.areas import area_titles
from cpms_core.directory.models import Country, Ern, Hcp, Membership
from cpms_core.errors import ConflictError, InvalidError, NotFoundError
from cpms_core.identity.models import AreaInterest, User
from cpms_core.panels.models import (
    ConsultationRequest,
    EndedNotice,
    Panel,
    PanelErn,
    PanelMember,
)
from cpms_core.panels.moves import ensure_open
from cpms_core.panels.scope import find_member, find_panel, is_shown_to_others, renew_share
from cpms_core.panels.seats.members import answered, note
from cpms_core.panels.stages import Stage
from cpms_core.patients.models import Patient
from cpms_core.registry import Registry
from cpms_core.rows import AnyQuery

NEW = timedelta(days=14)
"""After it a case is no longer new, and nobody is told of it any more."""
LONGEST = 500
_TOLD = timedelta(days=7)
_TAKES_OFFERS = [
    *(str(Stage.PANEL_SELECTION), str(Stage.DATA_COMPLETION)),
    *(str(Stage.ASSESSMENT), str(Stage.OPEN), str(Stage.ANSWERED)),
]
_MOST = 10


class AreaCase(Struct, frozen=True, kw_only=True):
    """All that is told of a case."""

    panel_id: UUID
    ern: str
    area: str
    person: str
    country: str
    question: str
    is_urgent: bool
    state: str
    """The reader's own: empty, or `offered`, or `declined` if the offer was not needed."""
    is_ended: bool
    """Whether the reader does not want to be told of it."""


@cache
def cases_in_my_areas() -> AnyQuery:
    """For a professional's Home, the newest first.

    Those that I was asked to, or know from the own centre, are not among them. Whose offer was
    declined is told so for some days.
    """
    not_needed = and_(
        PanelMember.state == "declined",
        PanelMember.invited_by == me.ID,
        PanelMember.answered_at > before_now(_TOLD),
    )
    is_ended = exists().where(EndedNotice.panel_id == Panel.id, EndedNotice.user_id == me.ID)
    is_new = or_(PanelMember.id.is_(None), not_needed)
    return _followed().where(is_new, ~is_ended).limit(_MOST)


def read_area_case(session: Session, actor: Actor, registry: Registry, panel_id: UUID) -> AreaCase:
    """The same of one case; the reading is an audit event."""
    ensure(actor, "panel.offer", Subject(), visible=False)
    row = _find(session, actor, panel_id)
    _note(session, actor, row, Event.CASE_READ, part="notice")
    return AreaCase(
        panel_id=row.id,
        ern=row.ern,
        area=area_titles(session, registry, row.ern_id).get(row.area, row.area),
        person=words.person(row.sex, row.birth_year, row.birth_month),
        country=row.country,
        question=row.question,
        is_urgent=row.urgency == "urgent",
        state=row.state or "",
        is_ended=session.get(EndedNotice, (panel_id, actor.user_id)) is not None,
    )


def end_notice(session: Session, actor: Actor, panel_id: UUID) -> None:
    """Not for me: Home tells this person no more of the case."""
    ensure(actor, "panel.offer", Subject(), visible=False)
    row = _find(session, actor, panel_id)
    with suppress(IntegrityError), session.begin_nested():  # ended already: so it is
        session.execute(insert(EndedNotice).values(panel_id=panel_id, user_id=actor.user_id))
    _note(session, actor, row, Event.NOTICE_ENDED)


def renew_notice(session: Session, actor: Actor, panel_id: UUID) -> None:
    """Home tells of it again."""
    ensure(actor, "panel.offer", Subject(), visible=False)
    row = _find(session, actor, panel_id)
    _forget_ending(session, actor, panel_id)
    _note(session, actor, row, Event.NOTICE_RENEWED)


def declined_beforehand(session: Session, panel_id: UUID) -> set[UUID]:
    """Whom not to propose: they said that the case is not for them, and nobody is told so."""
    ended = select(EndedNotice.user_id).where(EndedNotice.panel_id == panel_id)
    return set(session.scalars(ended))


def offer_to_join(session: Session, actor: Actor, panel_id: UUID, word: str) -> None:
    """Lead and ERN see who offers; whoever offers sees nothing of the case until they accept."""
    ensure(actor, "panel.offer", Subject(), visible=False)
    row = _find(session, actor, panel_id)
    word = word.strip()
    if len(word) > LONGEST or "\x00" in word:
        said = f"Use at most {LONGEST} characters, without control characters."
        raise InvalidError("Your offer was not sent yet.", {"word": said})
    twice = ConflictError("You have offered to take part in this panel already.")
    if row.state:
        raise twice
    member = PanelMember(
        panel_id=panel_id,
        user_id=actor.user_id,
        role="member",
        state="offered",
        invited_by=actor.user_id,
        reason=word,
    )
    try:
        with session.begin_nested():
            session.add(member)
    except IntegrityError as error:  # the same offer came in between
        raise twice from error
    _forget_ending(session, actor, panel_id)  # the answer to the offer is told
    _note(session, actor, row, Event.MEMBER_OFFERED, person=str(actor.user_id))


def answer_offer(
    session: Session, actor: Actor, panel_id: UUID, user_id: UUID, *, accept: bool
) -> User:
    """From now on they are a member and see the case; or they go on seeing nothing of it."""
    scope = find_panel(session, actor, panel_id, "panel.invite")
    ensure_open(scope)
    member = find_member(session, panel_id, user_id)
    if member is None:
        raise NotFoundError("This person has not offered to take part.")
    state = "accepted" if accept else "declined"
    if not answered(session, scope, user_id, "offered", state=state):
        raise ConflictError("This offer was answered already. Nothing was changed.")
    renew_share(session, scope.case.id, user_id)
    note(session, actor, scope, Event.OFFER_ANSWERED, user_id, answer=state)
    return member.user


def _find(session: Session, actor: Actor, panel_id: UUID) -> Any:
    """The row, if the actor may know of this panel by an area, or has offered."""
    is_asked = (PanelMember.id.is_(None)) | (PanelMember.invited_by == me.ID)
    wanted = _followed().where(Panel.id == panel_id, is_asked)
    found = session.execute(wanted, me.values(actor)).first()
    if found is None or Role.PROFESSIONAL not in actor.roles:
        raise NotFoundError
    return found


def _followed() -> AnyQuery:
    """New open panels of the areas I follow, in ERNs that the own centre belongs to."""
    request = ConsultationRequest
    works_there = (
        select(Membership.id)
        .join(User, User.hcp_id == Membership.hcp_id)
        .where(Membership.ern_id == request.ern_id, User.id == me.ID)
    )
    follows = exists().where(
        AreaInterest.user_id == me.ID,
        AreaInterest.ern_id == request.ern_id,
        AreaInterest.area == request.area,
    )
    return (
        select(
            *(Panel.id, Panel.case_id, Case.hcp_id, request.ern_id, request.area),
            *(request.urgency, request.question, Ern.name.label("ern")),
            *(Patient.sex, Patient.birth_year, Patient.birth_month),
            *(Country.name.label("country"), PanelMember.state),
        )
        .join(PanelErn, PanelErn.panel_id == Panel.id)
        .join(request, request.id == PanelErn.request_id)
        .join(Case, Case.id == Panel.case_id)
        .join(Patient, Patient.id == Case.patient_id)
        .join(Hcp, Hcp.id == Case.hcp_id)
        .join(Country, Country.id == Hcp.country_id)
        .join(Ern, Ern.id == request.ern_id)
        .outerjoin(
            PanelMember,
            and_(PanelMember.panel_id == Panel.id, PanelMember.user_id == me.ID),
        )
        .where(
            follows,
            works_there.exists(),
            Panel.stage.in_(_TAKES_OFFERS),
            Panel.triaged_at > before_now(NEW),
            Case.hcp_id.not_in(me.PLACES),
            request.submitted_by != me.ID,
            is_shown_to_others(),
        )
        .order_by(request.urgency.desc(), Panel.triaged_at.desc())
    )


def _forget_ending(session: Session, actor: Actor, panel_id: UUID) -> None:
    ended = EndedNotice.panel_id == panel_id, EndedNotice.user_id == actor.user_id
    session.execute(delete(EndedNotice).where(*ended))


def _note(
    session: Session,
    actor: Actor,
    row: Any,
    event: Event,
    *,
    part: str | None = None,
    person: str | None = None,
) -> None:
    audit.record(
        session,
        actor,
        event,
        case_id=row.case_id,
        hcp_id=row.hcp_id,
        ern_id=row.ern_id,
        subject_id=row.id,
        part=part,
        person=person,
    )
