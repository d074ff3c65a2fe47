"""Outcomes and their signatures as the tests need them: invented people, a software key."""

import os
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from cpms_core.datasets.kinds import Term
from cpms_core.panels.outcome.document import (
    ConsentState,
    Member,
    OutcomeDocument,
    Reviewed,
    Signer,
    Stage,
    Submitter,
    count_agreement,
    encode_outcome,
)
from cpms_core.panels.outcome.draft import Alternative, OutcomeDraft, Recommendation
from cpms_core.panels.outcome.pdf import render_draft, render_pdf
from cpms_core.panels.outcome.signature import (
    NONCE_LENGTH,
    SignedOutcome,
    challenge,
    encode_signature,
    signing_key,
)
from tests.softkey import SoftKey, b64, unb64

ORIGIN = "https://cpms.example.org"
RP_ID = "cpms.example.org"
FROZEN_AT = datetime(2026, 11, 22, 14, 3, tzinfo=UTC)
KBG = Term("orpha", "ORPHA:2332", "KBG syndrome")


def make_recommendation(**changes: Any) -> Recommendation:
    standard = Recommendation(
        kind="surveillance",
        what="Cardiac echo",
        why="Septal defects in a quarter",
        strength="strong",
        due_on=date(2027, 2, 1),
    )
    return msgspec.structs.replace(standard, **changes)


def make_opinion(**changes: Any) -> OutcomeDraft:
    standard = OutcomeDraft(
        heading="KBG syndrome is confirmed as the working diagnosis",
        kind="consensus diagnosis",
        answer="Yes. The deletion removes exons 3 to 13 of ANKRD11; growth and teeth agree.",
        diagnosis=KBG,
        certainty="certain",
        differential=(
            Alternative(
                diagnosis=Term("orpha", "ORPHA:199", "Cornelia de Lange syndrome"),
                why="Eyebrows and growth fit, the teeth do not.",
            ),
        ),
        recommendations=(
            make_recommendation(),
            make_recommendation(what="Hearing test", why="Conductive loss is frequent"),
            make_recommendation(
                kind="family", what="Test the parents", why="Recurrence risk", strength="moderate"
            ),
        ),
        next_step="Exome of the trio, if the deletion is found in a healthy parent.",
        discussion="The array was seen again.\nThe teeth decided.",
        limits="No photographs of the hands.",
        follow_up_on=date(2027, 5, 22),
    )
    return msgspec.structs.replace(standard, **changes)


MEMBERS = (
    Member(
        name="Dr Élise Moreau",
        centre="Hôpital Robert-Debré",
        country="France",
        role="lead",
        contributed=True,
        position="agree",
    ),
    Member(
        name="Dr Ingrid Ødegård",
        centre="Oslo University Hospital",
        country="Norway",
        role="member",
        contributed=True,
        position="agree",
    ),
    Member(
        name="Δρ Αικατερίνη Παπαδοπούλου",
        centre="Γενικό Νοσοκομείο Παίδων",
        country="Greece",
        role="member",
        contributed=True,
        position="remark",
        remark="Only if the family wishes.",
        on=(3,),
    ),
    Member(
        name="Dr Jan Peeters",
        centre="Ghent University Hospital",
        country="Belgium",
        role="observer",
        contributed=False,
        position="not answered",
    ),
)


def make_document(key: SoftKey | None = None, **changes: Any) -> OutcomeDocument:
    opinion = changes.pop("opinion", make_opinion())
    members = changes.pop("members", MEMBERS)
    keys = (
        (
            signing_key(
                credential_id=key.credential_id, public_key=key.public_key, aaguid=key.aaguid
            ),
        )
        if key
        else ()
    )
    standard = OutcomeDocument(
        site="CPMS of the test",
        version=2,
        previous_sha256=None,
        case_number="C-2026-0311",
        panel_number="ITH-2026-0121",
        ern="ERN ITHACA",
        pseudonym="Finch-02",
        sex="boy",
        age="9 y",
        urgency="routine",
        stages=(
            Stage(name="submitted", at=FROZEN_AT - timedelta(days=9)),
            Stage(name="panel_selection", at=FROZEN_AT - timedelta(days=8)),
        ),
        submitter=Submitter(
            name="MUDr. Žofie Příhodová", centre="Fakultní nemocnice v Motole", country="Czechia"
        ),
        question="Does the 16q24.3 deletion explain the boy's features, and what follows for him?",
        reviewed=(
            Reviewed(what="Findings, version 3", on=date(2026, 11, 14)),
            Reviewed(what="MR of the head", on=date(2026, 10, 2), sha256="0" * 64),
        ),
        members=members,
        opinion=opinion,
        agreement=count_agreement(opinion, members),
        consents=(ConsentState(kind="care", state="given", on=date(2026, 11, 13)),),
        signer=Signer(
            name="Dr Élise Moreau",
            role="panel lead",
            centre="Hôpital Robert-Debré",
            country="France",
            keys=keys,
        ),
        frozen_at=FROZEN_AT,
    )
    return msgspec.structs.replace(standard, **changes)


def sign(key: SoftKey, outcome: OutcomeDocument | bytes, **misbehaviour: Any) -> SignedOutcome:
    """What the site stores after the lead touched the key."""
    data = outcome if isinstance(outcome, bytes) else encode_outcome(outcome)
    nonce = os.urandom(NONCE_LENGTH)
    asked = challenge(nonce, sha256(data).digest())
    answer = key.sign_in({"challenge": b64(asked), "rpId": RP_ID}, **misbehaviour)["response"]
    return SignedOutcome(
        outcome=data,
        nonce=nonce,
        credential_id=key.credential_id,
        authenticator_data=unb64(answer["authenticatorData"]),
        client_data_json=unb64(answer["clientDataJSON"]),
        signature=unb64(answer["signature"]),
        public_key=key.public_key,
        rp_id=RP_ID,
        origin=ORIGIN,
        signed_at=FROZEN_AT + timedelta(seconds=40),
    )


def make_signed(**changes: Any) -> SignedOutcome:
    key = SoftKey(ORIGIN)
    return sign(key, make_document(key, **changes))


def print_signed(signed: SignedOutcome) -> bytes:
    return render_pdf(signed.outcome, encode_signature(signed))


def print_draft(document: OutcomeDocument) -> bytes:
    return render_draft(encode_outcome(document))
