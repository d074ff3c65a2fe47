"""What waits at a centre about consents and retention: whom to ask again, whom to look at."""

from functools import cache
from typing import Any

from sqlalchemy import exists, func, select

from cpms_core import words
from cpms_core.cases.retention import count_due
from cpms_core.db import this_day
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.patients.models import Consent, Patient
from cpms_core.patients.team import is_open_to_me
from cpms_core.rows import AnyQuery

LIST = "/centre/patients"


@cache
def _count_to_ask_again() -> AnyQuery:
    again = exists().where(
        Consent.patient_id == Patient.id,
        Consent.withdrawn_at.is_(None),
        Consent.recontact_on <= this_day(),
    )
    count = select(func.count().label("patients")).select_from(Patient)
    return count.where(is_open_to_me(), again)


def _again_item(row: Any, _: Reader) -> Item | None:
    if not row.patients:
        return None
    return Item(
        title=f"{words.plural(row.patients, 'patient')} to be asked again",
        text="They came of age, or the day that was set has come: their own consent is needed.",
        note="Withdraw the old consent and record the new one, or set another day",
        action="Look at them",
        href=f"{LIST}?show=ask_again",
        clock=Clock(state="", words="due"),
    )


def _due_item(row: Any, _: Reader) -> Item | None:
    if not row.patients:
        return None
    return Item(
        title=f"{words.plural(row.patients, 'patient')} to look at",
        text="The time of keeping is over. Decide for each: keep on, or erase.",
        note="Nothing is erased by itself",
        action="Look at them",
        href=f"{LIST}?show=due",
        clock=Clock(state="", words="due"),
    )


PARTS = (
    Part(_count_to_ask_again, _again_item, "consent.record"),
    Part(count_due, _due_item, "patient.erase"),
)
