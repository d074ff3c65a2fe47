"""Record and withdraw consents, with all that hangs on them: who sees the cases, what goes on.

`patients` keeps the consents themselves; here is what they do to cases and panels.
"""

from collections.abc import Iterable
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core import words
from cpms_core.actor import Actor
from cpms_core.cases.models import Case
from cpms_core.cases.withdrawal import Withdrawal, preview_withdrawal
from cpms_core.directory.models import Ern
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.panels.after.stopping import (
    going_on,
    renew_shares,
    stop_beyond_consent,
    stop_for_withdrawal,
)
from cpms_core.patients import service
from cpms_core.patients.consent_rules import in_words
from cpms_core.patients.models import Consent, ConsentReceipt
from cpms_core.patients.receipts import write_receipt
from cpms_core.patients.service import NewConsent


def record_consent(session: Session, actor: Actor, patient_id: UUID, new: NewConsent) -> Consent:
    """Also whoever it reaches of those who lost sight of the patient sees the cases again."""
    consent = service.record_consent(session, actor, patient_id, new)
    for case in _cases(session, patient_id):
        renew_shares(session, case)
    return consent


def replace_consent(
    session: Session, actor: Actor, patient_id: UUID, old_id: UUID, new: NewConsent
) -> Consent:
    """A newer form takes the place of a living one of its kind, without a moment between.

    Only what the new one leaves out ends: what others read of it, and what goes on in ERNs that it
    does not reach. The old one's receipt says so.
    """
    service.check_consent(session, new)
    old = session.get(Consent, old_id)
    if old is None or old.patient_id != patient_id or old.withdrawn_at:
        raise NotFoundError("The consent that it was to replace is not there, or was withdrawn.")
    if old.kind != new.kind:
        raise InvalidError("Nothing was saved yet.", {"kind": "A newer form is of the same kind."})
    service.withdraw_consent(session, actor, patient_id, old_id)
    consent = service.record_consent(session, actor, patient_id, new)
    for case in _cases(session, patient_id):
        stop_beyond_consent(session, actor, case)
    write_receipt(session, old, tuple(_replaced(session, old, consent)))
    return consent


def _replaced(session: Session, old: Consent, new: Consent) -> Iterable[str]:
    yield f"A newer form, signed on {words.day(new.given_on)}, took its place."
    if new.kind != "care":
        return
    left_out = [one for one in in_words(old.classes) if one not in in_words(new.classes)]
    if left_out:
        yield f"No longer shown outside your centre: {', '.join(left_out).lower()}."
    if new.erns:
        named = select(Ern.name).where(Ern.id.in_(new.erns)).order_by(Ern.name)
        yield f"From now on only for {', '.join(session.scalars(named))}; with others it has ended."


def preview(session: Session, actor: Actor, patient_id: UUID, consent_id: UUID) -> Withdrawal:
    """Who loses what at the moment of withdrawal, from the store as it is now."""
    found = preview_withdrawal(session, actor, patient_id, consent_id)
    if found.consent.kind != "care":
        return found
    stops = going_on(session, Case.patient_id == patient_id)
    lines = [f"Panel {panel.number} ends as withdrawn." for panel in stops.panels]
    if stops.requests:
        count = words.plural(len(stops.requests), "request")
        lines.append(f"{count} that no panel has taken up yet {_end(len(stops.requests))}.")
    return replace(found, effects=(*found.effects, *lines))


def withdraw_consent(
    session: Session, actor: Actor, patient_id: UUID, consent_id: UUID
) -> ConsentReceipt:
    """All of it at once, and the receipt says what was done in the words of the preview."""
    found = preview(session, actor, patient_id, consent_id)
    consent = service.withdraw_consent(session, actor, patient_id, consent_id)
    if consent.kind == "care":
        for case in _cases(session, patient_id):
            stop_for_withdrawal(session, actor, case.id)
    return write_receipt(session, consent, found.effects)


def _cases(session: Session, patient_id: UUID) -> list[Case]:
    return list(session.scalars(select(Case).where(Case.patient_id == patient_id)))


def _end(count: int) -> str:
    return "ends" if count == 1 else "end"
