"""What the FIDO Alliance's metadata says of the models of security keys that this site accepts.

A ceremony asks the store each time, so a new list counts as soon as it is imported. A list that is
out of date says so and locks nobody out: a hospital may be offline.
"""

import ssl
from base64 import b64decode
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import takewhile
from typing import Final

from msgspec.structs import replace
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cpms_core import audit
from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.errors import InvalidError
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.metadata_file import Metadata
from cpms_core.identity.models import KeyModel
from cpms_core.identity.sessions import end_sessions_of_models
from cpms_core.state import read_state, write_state
from cpms_core.words import day

COMPROMISED: Final = frozenset(
    {
        "REVOKED",
        "USER_VERIFICATION_BYPASS",
        "ATTESTATION_KEY_COMPROMISE",
        "USER_KEY_REMOTE_COMPROMISE",
        "USER_KEY_PHYSICAL_COMPROMISE",
    }
)
_NUMBER = "key_metadata_number"
_NEXT_UPDATE = "key_metadata_next_update"


def import_metadata(session: Session, metadata: Metadata) -> None:
    """Take these models in place of those of before; an older edition is refused.

    Whoever is signed in with a key of a model that is refused now no longer is.
    """
    known = int(read_state(session, _NUMBER) or 0)
    if metadata.number < known:
        raise InvalidError(
            f"This is edition {metadata.number}, and the site has edition {known} already. "
            "Nothing was changed."
        )
    session.execute(delete(KeyModel))
    models = [
        KeyModel(
            aaguid=one.aaguid, description=one.description, roots=one.roots, statuses=one.statuses
        )
        for one in {one.aaguid: one for one in metadata.models}.values()
    ]
    session.add_all(models)
    ended = end_sessions_of_models(session, {one.aaguid for one in models if compromise_of(one)})
    write_state(session, _NUMBER, str(metadata.number))
    write_state(session, _NEXT_UPDATE, metadata.next_update.isoformat())
    audit.record(
        session,
        None,
        Event.KEY_MODELS_IMPORTED,
        number=metadata.number,
        models=len(models),
        sessions=ended,
    )


def list_models(session: Session) -> Sequence[KeyModel]:
    return session.scalars(select(KeyModel).order_by(KeyModel.description, KeyModel.aaguid)).all()


def compromise_of(model: KeyModel) -> str | None:
    """The status for which this model is refused. Being certified anew ends what was before it."""
    newest = takewhile(lambda one: not one.startswith("FIDO_CERTIFIED"), model.statuses)
    return next((one for one in newest if one in COMPROMISED), None)


def current_policy(session: Session, policy: KeyPolicy) -> KeyPolicy:
    """The site's policy with what the metadata says of the models it allows."""
    if policy.allowed_aaguids is None:
        return policy
    models = _allowed(session, policy)
    known = {
        one.aaguid: tuple(ssl.DER_cert_to_PEM_cert(b64decode(root)).encode() for root in one.roots)
        for one in models
        if one.roots
    }
    compromised = frozenset(one.aaguid for one in models if compromise_of(one))
    return replace(policy, roots={**policy.roots, **known}, compromised=compromised)


def problems(session: Session, policy: KeyPolicy) -> Iterator[str]:
    """What an administrator should know about the models of this site's keys, as sentences."""
    if policy.allowed_aaguids is None:
        return
    if not policy.allowed_aaguids:
        yield "allowed_aaguids is empty: no security key can be enrolled."
    for model in _allowed(session, policy):
        if status := compromise_of(model):
            yield (
                f"{model.description or model.aaguid} is refused since the FIDO Alliance reports "
                f"{status}. Give its owners another model."
            )
    current = current_policy(session, policy)
    for aaguid in sorted(policy.allowed_aaguids - current.roots.keys()):
        yield f"no certificate of key model {aaguid}: no key of it can be enrolled."
    until = next_update(session)
    if until and until < clock.now().date():
        yield (
            f"The FIDO Alliance's list of key models was to be renewed by {day(until)}. Models "
            "that were revoked since then are not known here. Import a new one."
        )


def next_update(session: Session) -> date | None:
    """Until when the imported list is current; None if none was imported."""
    text = read_state(session, _NEXT_UPDATE)
    return date.fromisoformat(text) if text else None


def _allowed(session: Session, policy: KeyPolicy) -> Sequence[KeyModel]:
    allowed = policy.allowed_aaguids or frozenset()
    return session.scalars(
        select(KeyModel).where(KeyModel.aaguid.in_(allowed)).order_by(KeyModel.aaguid)
    ).all()
