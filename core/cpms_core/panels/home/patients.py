"""What waits for somebody at a centre about its patients: emergencies, teams, patients who move."""

from collections.abc import Iterable

from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item
from cpms_core.panels.seats.leads import leadless_panels
from cpms_core.panels.seats.leaving import unattended
from cpms_core.patients.emergencies import unseen_emergencies
from cpms_core.patients.orphans import orphans
from cpms_core.patients.transfer import refused_transfers, transfers_to_decide


def about_patients(session: Session, actor: Actor) -> tuple[Item, ...]:
    """Emergencies first: whoever is responsible is told at once."""
    return (
        *_of_emergencies(session, actor),
        *_of_orphans(session, actor),
        *_of_transfers(session, actor),
        *_of_people_gone(session, actor),
    )


def _of_emergencies(session: Session, actor: Actor) -> Iterable[Item]:
    for one in unseen_emergencies(session, actor):
        what = f"who {one.pseudonym} is" if one.opens == "identity" else one.pseudonym
        yield Item(
            title=f"{one.who} opened {what} in an emergency",
            text=f"“{one.reason}”",
            note="Read-only, for an hour" if one.is_open else "It has ended by itself",
            action="Look at it",
            href=f"/emergencies/{one.id}",
            clock=Clock(state="late", words=f"{words.since(one.broken_at)} ago"),
        )


def _of_orphans(session: Session, actor: Actor) -> Iterable[Item]:
    for patient in orphans(session, actor):
        yield Item(
            title=f"Nobody looks after {patient.pseudonym}",
            text="The patient is restricted to a care team, and nobody of it is here any more.",
            note="Name who looks after the patient from now on",
            action="Name a team",
            href=f"/patients/{patient.id}/new-team",
            clock=Clock(state="late", words="no team"),
        )


def _of_transfers(session: Session, actor: Actor) -> Iterable[Item]:
    for one in transfers_to_decide(session, actor):
        yield Item(
            title=f"{one.pseudonym} is to move to your centre",
            text=f"“{one.reason}”",
            note=f"{one.proposer}, {one.from_centre}",
            action="Decide",
            href=f"/transfers/{one.id}",
            clock=Clock(state="", words=f"waiting {words.since(one.proposed_at)}"),
        )
    for one in refused_transfers(session, actor):
        yield Item(
            title=f"{one.pseudonym} stays at your centre",
            text=f"{one.to_centre} does not take the patient over.",
            note="",
            action="Open the patient",
            href=f"/patients/{one.patient_id}",
            clock=Clock(state="", words="refused"),
        )


def _of_people_gone(session: Session, actor: Actor) -> Iterable[Item]:
    for gone in unattended(session, actor):
        yield Item(
            title=f"{gone.name} is no longer here",
            text=f"{words.plural(gone.cases, 'open case')} of your centre wait for nobody.",
            note="",
            action="Name who takes over",
            href=f"/people/{gone.user_id}/hand-over",
            clock=Clock(state="late", words="nobody"),
        )
    for panel in leadless_panels(session, actor):
        yield Item(
            title=f"Panel {panel.number} has no lead",
            text=f"{panel.lead} is no longer here. Name who leads the panel from now on.",
            note=panel.ern,
            action="Name a lead",
            href=f"/panels/{panel.id}/lead",
            clock=Clock(state="late", words="no lead"),
        )
