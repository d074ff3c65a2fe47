"""What waits for somebody at a centre about its patients: emergencies, teams, patients who move.

Emergencies come first: whoever is responsible is told at once.
"""

from typing import Any

from cpms_core import words
from cpms_core.clock import clock
from cpms_core.panels.clock.clocks import Clock
from cpms_core.panels.home.waiting import Item, Part, Reader
from cpms_core.panels.seats.leads import leadless_panels
from cpms_core.panels.seats.leaving import unattended
from cpms_core.patients.emergencies import unseen_emergencies
from cpms_core.patients.orphans import orphans
from cpms_core.patients.transfer import refused_transfers, transfers_to_decide


def _emergency_item(row: Any, _: Reader) -> Item:
    what = f"who {row.pseudonym} is" if row.opens == "identity" else row.pseudonym
    is_open = row.until > clock.now()
    return Item(
        title=f"{row.who} opened {what} in an emergency",
        text=f"“{row.reason}”",
        note="Read-only, for an hour" if is_open else "It has ended by itself",
        action="Look at it",
        href=f"/emergencies/{row.id}",
        clock=Clock(state="late", words=f"{words.since(row.broken_at)} ago"),
    )


def _orphan_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"Nobody looks after {row.pseudonym}",
        text="The patient is restricted to a care team, and nobody of it is here any more.",
        note="Name who looks after the patient from now on",
        action="Name a team",
        href=f"/patients/{row.id}/new-team",
        clock=Clock(state="late", words="no team"),
    )


def _transfer_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"{row.pseudonym} is to move to your centre",
        text=f"“{row.reason}”",
        note=f"{row.proposer}, {row.from_centre}",
        action="Decide",
        href=f"/transfers/{row.id}",
        clock=Clock(state="", words=f"waiting {words.since(row.proposed_at)}"),
    )


def _refused_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"{row.pseudonym} stays at your centre",
        text=f"{row.to_centre} does not take the patient over.",
        note="",
        action="Open the patient",
        href=f"/patients/{row.patient_id}",
        clock=Clock(state="", words="refused"),
    )


def _gone_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"{row.name} is no longer here",
        text=f"{words.plural(row.cases, 'open case')} of your centre wait for nobody.",
        note="",
        action="Name who takes over",
        href=f"/people/{row.id}/hand-over",
        clock=Clock(state="late", words="nobody"),
    )


def _leadless_item(row: Any, _: Reader) -> Item:
    return Item(
        title=f"Panel {row.number} has no lead",
        text=f"{row.lead} is no longer here. Name who leads the panel from now on.",
        note=row.ern,
        action="Name a lead",
        href=f"/panels/{row.id}/lead",
        clock=Clock(state="late", words="no lead"),
    )


PARTS = (
    Part(unseen_emergencies, _emergency_item, "patient.break_glass"),
    Part(orphans, _orphan_item, "patient.new_team"),
    Part(transfers_to_decide, _transfer_item, "patient.receive"),
    Part(refused_transfers, _refused_item, "patient.move"),
    Part(unattended, _gone_item, "patient.new_team"),
    Part(leadless_panels, _leadless_item, "request.triage"),
)
