"""How a network works, as its coordinators set it: its workflow, its promises, its calendar."""

import re
from collections.abc import Mapping
from datetime import date, time
from zoneinfo import available_timezones

import msgspec
from msgspec import Struct
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.actor import Actor
from cpms_core.audit import Event
from cpms_core.directory.models import Country, Ern
from cpms_core.directory.networks import find_network
from cpms_core.directory.wording import refuse_if
from cpms_core.panels.clock.promises import NetworkPromises, Promises, promises_of
from cpms_core.panels.clock.renewal import renew_network
from cpms_core.panels.clock.working_time import Calendar

WORKFLOWS = {
    "full": "Full: triage, a panel with a lead, an outcome that members judge and the lead signs",
    "quick": "Quick: open to the experts at once, answered, closed with a note",
}
NUMBERS = {
    "triage_hours": (1, 200),
    "first_answer_urgent_hours": (1, 500),
    "first_answer_hours": (1, 1000),
    "outcome_days": (1, 365),
    "coordinators_after_hours": (1, 500),
}
"""The promises, and how much each may be at least and at most."""
DAYS = ("1", "2", "3", "4", "5", "6", "7")
ZONES = tuple(
    sorted(one for one in available_timezones() if one == "UTC" or one.startswith("Europe/"))
)
MOST_HOLIDAYS = 200
Typed = Mapping[str, str]
"""The form as it was sent; `days` are numbers with blanks between, `holidays` days."""


class Settings(Struct, frozen=True, kw_only=True):
    workflow: str
    network: NetworkPromises


def configure_network(session: Session, actor: Actor, ern_id: str, settings: Settings) -> Ern:
    """Running clocks are renewed at once; panels go on in the workflow they began in."""
    ern = find_network(session, actor, ern_id)
    country = settings.network.calendar.country
    unknown = country and session.get(Country, country) is None
    refuse_if({"country": "Choose one of the list." if unknown else None})
    ern.workflow = settings.workflow
    ern.promises = msgspec.to_builtins(settings.network.promises)
    ern.calendar = msgspec.to_builtins(settings.network.calendar)
    renewed = renew_network(session, ern)
    audit.record(
        session,
        actor,
        Event.NETWORK_CONFIGURED,
        ern_id=ern.id,
        workflow=ern.workflow,
        renewed=renewed,
    )
    return ern


def typed_of(ern: Ern) -> dict[str, str]:
    """As the form has it."""
    network = promises_of(ern)
    calendar = network.calendar
    return {
        "workflow": ern.workflow,
        **{name: str(getattr(network.promises, name)) for name in NUMBERS},
        "zone": calendar.zone,
        "opens": f"{calendar.opens:%H:%M}",
        "closes": f"{calendar.closes:%H:%M}",
        "days": " ".join(map(str, calendar.days)),
        "country": calendar.country,
        "holidays": "\n".join(one.isoformat() for one in calendar.holidays),
    }


def read_settings(typed: Typed) -> Settings:
    """InvalidError with everything that is wrong."""
    wrong: dict[str, str] = {}
    numbers = {name: _number(typed, name, wrong) for name in NUMBERS}
    opens, closes = _time(typed, "opens", wrong), _time(typed, "closes", wrong)
    if not wrong.keys() & {"opens", "closes"} and opens >= closes and closes != time():
        wrong["closes"] = "Close after opening; 00:00 stands for midnight."
    days = [one for one in DAYS if one in typed["days"].split()]
    if not days:
        wrong["days"] = "Tick one day at least."
    if typed["zone"] not in ZONES:
        wrong["zone"] = "Choose one of the list."
    if typed["workflow"] not in WORKFLOWS:
        wrong["workflow"] = "Choose one of the two."
    holidays = _holidays(typed, wrong)
    refuse_if(wrong)
    calendar = Calendar(
        zone=typed["zone"],
        opens=opens,
        closes=closes,
        days=tuple(map(int, days)),
        country=typed["country"],
        holidays=holidays,
    )
    return Settings(
        workflow=typed["workflow"], network=NetworkPromises(Promises(**numbers), calendar)
    )


def _number(typed: Typed, name: str, wrong: dict[str, str]) -> int:
    least, most = NUMBERS[name]
    text = typed[name]
    if text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most:  # noqa: PLR2004 - digits of any number that could fit
        return int(text)
    wrong[name] = f"Write a whole number from {least} to {most}."
    return least


def _time(typed: Typed, name: str, wrong: dict[str, str]) -> time:
    if re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", typed[name], re.ASCII):
        try:
            return time.fromisoformat(typed[name])
        except ValueError:
            pass
    wrong[name] = "Write a time such as 09:00."
    return time()


def _holidays(typed: Typed, wrong: dict[str, str]) -> tuple[date, ...]:
    days = set()
    for text in typed["holidays"].replace(",", " ").split():
        try:
            days.add(date.fromisoformat(text))
        except ValueError:
            wrong["holidays"] = f"“{text[:20]}” is no day. Write each such as 2026-12-24."
    if len(days) > MOST_HOLIDAYS:
        wrong["holidays"] = f"Write at most {MOST_HOLIDAYS} days."
    return tuple(sorted(days))
