"""subject → sex, birth, age and living status. Its identifiers stay in the leftover."""

import re

from cpms_ern_ithaca.datasets.person import LivingStatus, Person
from cpms_ern_ithaca.phenopacket.ages import coded, take_time
from cpms_ern_ithaca.phenopacket.tree import Node

_SEXES = {"FEMALE": "female", "MALE": "male", "OTHER_SEX": "undetermined", "UNKNOWN_SEX": "unknown"}
_STATUSES: dict[str, LivingStatus] = {
    "ALIVE": "alive",
    "DECEASED": "deceased",
    "UNKNOWN_STATUS": "unknown",
}
_BIRTH = re.compile(r"^(\d{4})-(0[1-9]|1[0-2])(?=-|$)")


def take_sex(subject: Node) -> str:
    told = subject.text("sex")
    if told and told not in _SEXES:
        raise ValueError(f"“subject.sex” is {told[:40]!r}; known are {', '.join(_SEXES)}.")
    subject.take("sex")
    return _SEXES[told or "UNKNOWN_SEX"]


def take_birth(subject: Node) -> tuple[int | None, int | None]:
    """Year and month. The day identifies a person, so it stays behind, by itself."""
    found = _BIRTH.match(subject.text("dateOfBirth"))
    if not found:
        return None, None
    day = subject.take_text("dateOfBirth")[found.end() :].removeprefix("-")
    if day:
        subject.data["dayOfBirth"] = day
    return int(found[1]), int(found[2])


def take_person(subject: Node) -> Person:
    vital = subject.child("vitalStatus")
    status = _STATUSES.get(vital.text("status"))
    if status:
        vital.take("status")
    return Person(
        age_last_seen=take_time(subject, "timeAtLastEncounter"),
        living_status=status,
        age_at_death=take_time(vital, "timeOfDeath"),
        cause_of_death=coded(vital.child("causeOfDeath")),
    )
