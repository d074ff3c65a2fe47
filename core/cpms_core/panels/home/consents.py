"""What waits at a centre about consents and retention: whom to ask again, whom to look at."""

from collections.abc import Iterable

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.cases.retention import count_due
from cpms_core.clock import clock
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item
from cpms_core.patients.models import Consent, Patient
from cpms_core.patients.team import is_open_to

LIST = "/centre/patients"


def about_consents(session: Session, actor: Actor, years: int) -> Iterable[Item]:
    """`years` are those of the site's rule of how long data are kept."""
    again = exists().where(
        Consent.patient_id == Patient.id,
        Consent.withdrawn_at.is_(None),
        Consent.recontact_on <= clock.today(),
    )
    wanted = select(func.count()).select_from(Patient).where(is_open_to(actor), again)
    if count := session.scalar(wanted):
        yield Item(
            title=f"{words.plural(count, 'patient')} to be asked again",
            text="They came of age, or the day that was set has come: their own consent is needed.",
            note="Withdraw the old consent and record the new one, or set another day",
            action="Look at them",
            href=f"{LIST}?show=ask_again",
            clock=Clock(state="", words="due"),
        )
    if count := count_due(session, actor, years):
        yield Item(
            title=f"{words.plural(count, 'patient')} to look at",
            text="The time of keeping is over. Decide for each: keep on, or erase.",
            note="Nothing is erased by itself",
            action="Look at them",
            href=f"{LIST}?show=due",
            clock=Clock(state="", words="due"),
        )
