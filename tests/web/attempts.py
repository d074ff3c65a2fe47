"""What the matrix sends to each address: the least that must succeed for whoever may do it.

A reviewed list. An address that changes something and is not in it fails the matrix, so that
nobody adds one without saying what a good request to it looks like.
"""

import base64
import zlib
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from cpms_core.clock import clock
from cpms_core.datasets.records import as_form
from cpms_core.directory.csv_import import plan_import
from cpms_core.identity.own_keys import ADD
from cpms_core.panels.models import ConsultationRequest, Outcome, Panel
from cpms_core.panels.outcome import outcomes
from cpms_core.patients.models import Patient
from tests.core.panels.consultation import plain_opinion
from tests.web.attempt import Attempt, Form, name_of, plain
from tests.web.attempts_after import AFTER
from tests.web.world import ANOTHER, World, photo

__all__ = [
    "ATTEMPTS",
    "CONSENT",
    "PATIENT",
    "PERSON",
    "PROMISES",
    "REQUEST",
    "Attempt",
    "name_of",
    "plain",
]

RAW = "application/octet-stream"
REQUEST = {
    "question_type": "diagnosis",
    "question": "Which test next?",
    "summary": "Delay of speech.",
    "urgency": "routine",
    "_base": "1",
}
CONSENT = {
    "kind": "registry",
    "form_version": "2024",
    "language": "cs",
    "signer": "parent",
    "given_on": "2026-01-05",
    "original_at": "paper file",
}
PROMISES: Form = {
    "workflow": "full",
    "triage_hours": "4",
    "first_answer_urgent_hours": "24",
    "first_answer_hours": "72",
    "outcome_days": "14",
    "coordinators_after_hours": "24",
    **{f"day_{day}": "1" for day in range(1, 6)},
    "opens": "09:00",
    "closes": "17:00",
    "zone": "Europe/Paris",
    "country": "FR",
    "holidays": "2026-12-24",
}
PATIENT = {
    "given_name": "Eliška",
    "family_name": "Nováková",
    "birth_date": "2019-03-04",
    "sex": "female",
    "local_record_number": "77-12",
}
PERSON = {
    "name": "Dr New",
    "email": "new@example.org",
    "role": "professional",
    "hcp": "CZ01",
    "ern": "",
    "specialty": "",
}
CENTRES_CSV = "code,name,city\nCZ78,Brno example hospital,Brno\n"
NO_ANSWER: Mapping[str, Any] = {"ceremony": "0" * 32, "credential": {"id": "AA"}}
_RECORD = "/cases/{case_id}/records/{dataset}"
_OUTCOME = "/panels/{panel_id}/outcome"


def _opinion(world: World) -> Form:
    typed = as_form(outcomes.DATASET, plain_opinion(heading="Another heading"))
    return {key: list(values) for key, values in typed.items()} | {"seen": world.seen(Outcome)}


def import_form(world: World, text: str) -> Form:
    """As the page that shows the plan would send it."""
    data = text.encode()
    with world.site.transaction() as session:
        plan = plan_import(session, world["system administrator"].actor, "centres", data)
    packed = base64.urlsafe_b64encode(zlib.compress(data)).decode()
    return {"kind": "centres", "packed": packed, "sha256": plan.sha256, "marks": plan.marks}


def _pseudonym(world: World) -> Form:
    with world.site.transaction() as session:
        patient = session.get_one(Patient, UUID(world.values["patient_id"]))
        return {"pseudonym": patient.pseudonym}


ATTEMPTS: Mapping[str, Attempt] = {
    "POST /sign-out": Attempt(),
    "POST /me/preferences": Attempt(
        form={"job_title": "consultant", "specialty": "", "languages": ["cs", "en"]}
    ),
    "POST /me/absence": Attempt(
        form={"first": "", "last": "", "deputy": ""}, status=frozenset({422})
    ),
    "POST /me/absence/end": Attempt(),
    "POST /centre/patients/new": Attempt(form=PATIENT),
    "POST /patients/{patient_id}/consents": Attempt(form=CONSENT),
    "POST /patients/{patient_id}/consents/{consent_id}/withdraw": Attempt(),
    "POST /patients/{patient_id}/identity": Attempt(),
    "POST /patients/{patient_id}/cases": Attempt(),
    "POST /patients/{patient_id}/facts": Attempt(form={"sex": "male"}),
    "POST /patients/{patient_id}/identity/correct": Attempt(form=PATIENT),
    "POST /patients/{patient_id}/keep": Attempt(
        form=lambda _world: {"retain_until": f"{clock.today().year + 5}-01-31"}
    ),
    "POST /patients/{patient_id}/copy": Attempt(),
    "POST /patients/{patient_id}/erase": Attempt(form=_pseudonym),
    # A proposed move has to be settled before.
    "POST /patients/{patient_id}/merge/{other_id}": Attempt(
        form={"pseudonym": "Kiwi-1001"}, status=frozenset({409})
    ),
    "POST /cases/{case_id}/photos/{attachment_id}/face": Attempt(form={"face": "no"}),
    "POST /centre/emergency": Attempt(
        form={"pseudonym": "Nobody-1000", "reason": "Is unconscious"}, status=frozenset({422})
    ),
    # The manager looks up who it is in any case.
    "POST /patients/{patient_id}/emergency": Attempt(
        form={"reason": "Is unconscious"}, status=frozenset({303, 409})
    ),
    "GET /emergencies/{glass_id}": Attempt(),
    "POST /emergencies/{glass_id}/seen": Attempt(),
    # Somebody has proposed already that the patient of the world moves.
    "POST /patients/{patient_id}/move": Attempt(
        form={"hcp": "FR25", "reason": "Moved."}, status=frozenset({409})
    ),
    "POST /patients/{patient_id}/move/back": Attempt(),
    "POST /transfers/{transfer_id}/accept": Attempt(
        form=lambda world: {"heir": str(world.id_of("professional elsewhere"))}
    ),
    "POST /transfers/{transfer_id}/refuse": Attempt(),
    "POST /patients/{patient_id}/team": Attempt(),
    # Nobody has restricted the patient of the world.
    "POST /patients/{patient_id}/team/add": Attempt(
        form=lambda world: {"person": str(world.id_of("centre manager"))}, status=frozenset({409})
    ),
    "POST /patients/{patient_id}/team/{user_id}/remove": Attempt(status=frozenset({409})),
    "POST /patients/{patient_id}/team/open": Attempt(status=frozenset({409})),
    f"POST {_RECORD}": Attempt(form=REQUEST | {"summary": "Delay of speech and of walking."}),
    f"POST {_RECORD}/draft": Attempt(form=REQUEST | {"summary": "Half a thou"}),
    f"POST {_RECORD}/discard": Attempt(),
    f"POST {_RECORD}/check": Attempt(form=REQUEST | {"_field": "question"}),
    "POST /cases/{case_id}/files": Attempt(
        options={"content": photo(), "headers": {"Content-Type": RAW}}
    ),
    "POST /cases/{case_id}/remove": Attempt(form=lambda world: {"attachment": str(world.photo.id)}),
    "POST /cases/{case_id}/release": Attempt(
        form=lambda world: {"attachment": str(world.photo.id)}
    ),
    "POST /cases/{case_id}/export.json": Attempt(),
    "POST /cases/{case_id}/export.csv": Attempt(),
    "POST /cases/{case_id}/exports/{key}": Attempt(),
    "GET /terms": Attempt(query="?systems=hpo&q=tall"),
    "GET /search": Attempt(query="?q=tall"),
    "GET /x/reporting/{name}": Attempt(values={"name": "stages"}),
    "GET /x/reporting/{name}/export.csv": Attempt(values={"name": "stages"}),
    "POST /requests/{request_id}/lead": Attempt(
        until="submitted",
        form=lambda world: {
            "lead": str(world.id_of("lead")),
            "invite": str(world.id_of("member")),
            "seen": world.seen(ConsultationRequest),
        },
    ),
    "POST /requests/{request_id}/return": Attempt(
        until="submitted",
        form=lambda world: {"reason": "No photos.", "seen": world.seen(ConsultationRequest)},
    ),
    "POST /requests/{request_id}/decline": Attempt(
        until="submitted",
        form=lambda world: {"reason": "Not rare.", "seen": world.seen(ConsultationRequest)},
    ),
    "POST /requests/{request_id}/forward": Attempt(
        until="submitted",
        form=lambda world: {
            "ern": ANOTHER,
            "reason": "Not ours.",
            "seen": world.seen(ConsultationRequest),
        },
    ),
    "POST /requests/{request_id}/share": Attempt(
        until="submitted", form={"ern": ANOTHER, "reason": "Theirs too."}
    ),
    # No other ERN has a panel of this case.
    "POST /requests/{request_id}/join": Attempt(
        until="submitted", form={"seen": "1"}, status=frozenset({422})
    ),
    "POST /panels/{panel_id}/answer": Attempt(form={"answer": "accept"}),
    "POST /panels/{panel_id}/decline": Attempt(
        form=lambda world: {
            "reason": "On leave.",
            "deputy": str(world.id_of("professional elsewhere")),
        }
    ),
    "POST /panels/{panel_id}/offer": Attempt(form={"word": "Twice seen."}),
    "POST /panels/{panel_id}/offer/not-for-me": Attempt(),
    "POST /panels/{panel_id}/offer/tell-me": Attempt(),
    "POST /panels/{panel_id}/offers/{offer_id}": Attempt(form={"answer": "accept"}),
    "POST /panels/{panel_id}/contributions": Attempt(
        form={"text": "I have seen this twice.", "certainty": "fairly_sure"}
    ),
    "POST /panels/{panel_id}/contributions/typing": Attempt(form={"text": "KBG, but"}),
    "POST /panels/{panel_id}/contributions/discard": Attempt(),
    "POST /panels/{panel_id}/contributions/{contribution_id}": Attempt(
        form={"text": "KBG, or a deletion.", "seen": "1"}
    ),
    "POST /panels/{panel_id}/seen": Attempt(form={"shown_at": "2026-11-25T12:00:00+00:00"}),
    "POST /panels/{panel_id}/questions": Attempt(form={"text": "Any photo of the hands?"}),
    "POST /panels/{panel_id}/questions/typing": Attempt(form={"text": "Any ph"}),
    "POST /panels/{panel_id}/questions/{question_id}/typing": Attempt(form={"answer": "Ad"}),
    "POST /panels/{panel_id}/questions/{question_id}/wait": Attempt(),
    "POST /panels/{panel_id}/questions/{question_id}/answer": Attempt(
        form={"answer": "Added.", "say": "answered"}
    ),
    "POST /panels/{panel_id}/questions/{question_id}/back": Attempt(),
    "POST /panels/{panel_id}/quick": Attempt(form={"needs": "The X-ray", "_as": "need"}),
    # This panel ends with a signed outcome; tests/web/test_quick.py has one that does not.
    "POST /panels/{panel_id}/close": Attempt(
        form={"note": "Thanks.", "seen": "1"}, status=frozenset({409})
    ),
    "POST /panels/{panel_id}/ask-again": Attempt(
        form={"again": "And then?", "seen": "1"}, status=frozenset({409})
    ),
    "POST /panels/{panel_id}/stage": Attempt(
        form=lambda world: {"to": "data_completion", "seen": world.seen(Panel)}
    ),
    "POST /panels/{panel_id}/outcome/start": Attempt(
        form=lambda world: {"reason": "", "seen": world.seen(Panel)}
    ),
    "POST /panels/{panel_id}/members": Attempt(
        form=lambda world: {
            "invite": str(world.id_of("professional elsewhere")),
            "role": "member",
        }
    ),
    "POST /panels/{panel_id}/members/{user_id}/remove": Attempt(),
    "POST /panels/{panel_id}/guests": Attempt(
        form=lambda _: {
            "name": "Dr Nadia Berger",
            "email": "nadia@example.org",
            "until": clock.today().isoformat(),
            "as": "member",
        }
    ),
    "POST /panels/{panel_id}/guests/{guest_id}/until": Attempt(
        form=lambda _: {"until": clock.today().isoformat()}
    ),
    f"GET {_OUTCOME}": Attempt(until="sign_off"),
    f"POST {_OUTCOME}": Attempt(until="outcome", form=_opinion),
    f"POST {_OUTCOME}/typing": Attempt(until="outcome", form=_opinion),
    f"POST {_OUTCOME}/discard": Attempt(until="outcome"),
    # The lead is told to sign instead.
    f"POST {_OUTCOME}/position": Attempt(
        until="sign_off",
        form={"verdict": "remark", "remark": "Soon.", "seen": "1"},
        status=frozenset({303, 422}),
    ),
    f"POST {_OUTCOME}/back": Attempt(until="sign_off"),
    **AFTER,
    f"POST {_OUTCOME}/sign/begin": Attempt(until="sign_off", options={"json": {}}),
    # A good answer needs a key: tests/journeys has one. Here everybody brings a bad one.
    f"POST {_OUTCOME}/sign/finish": Attempt(
        until="sign_off",
        options={"json": NO_ANSWER},
        status=frozenset({422}),
    ),
    f"GET {_OUTCOME}/pdf": Attempt(until="signed"),
    f"GET {_OUTCOME}/verify": Attempt(until="signed"),
    "POST /verify": Attempt(options={"content": b"no outcome", "headers": {"Content-Type": RAW}}),
    "GET /cases/{case_id}/submit": Attempt(until="draft"),
    "POST /cases/{case_id}/submit": Attempt(
        until="draft", form={"ern": "ithaca", "area": "undiagnosed"}
    ),
    "POST /panels/{panel_id}/groups": Attempt(
        form=lambda world: {"group": world.values["group_id"], "role": "member"}
    ),
    "POST /directory/centres/new": Attempt(form={"code": "CZ77", "name": "Brno", "city": ""}),
    "POST /directory/centres/{hcp_id}": Attempt(form={"name": "Prague", "city": "Prague"}),
    "POST /directory/centres/{hcp_id}/memberships": Attempt(
        form={"ern": "ithaca", "kind": "affiliated"}
    ),
    "POST /directory/centres/{hcp_id}/close": Attempt(),
    # It is open, so there is nothing to open again.
    "POST /directory/centres/{hcp_id}/reopen": Attempt(status=frozenset({409})),
    "POST /directory/countries": Attempt(form={"code": "CH", "name": "Switzerland"}),
    # Every country that comes with the program has one.
    "POST /directory/countries/{country}/guest-access": Attempt(
        values={"country": "CZ"}, status=frozenset({409})
    ),
    "POST /directory/erns": Attempt(
        form={"id": "flu", "name": "Flu", "scope": "flu", "ends_on": "2099-01-01"}
    ),
    # The ERN of this case is there for good, so it has no last day.
    "POST /directory/erns/{ern_id}/end": Attempt(
        form={"ends_on": "2099-01-01"}, status=frozenset({422})
    ),
    "POST /directory/erns/{ern_id}/areas": Attempt(form={"title": "Craniosynostosis"}),
    "POST /directory/erns/{ern_id}/promises": Attempt(form=PROMISES),
    "POST /directory/erns/{ern_id}/areas/{area}": Attempt(form={"title": "Not known yet"}),
    "POST /directory/erns/{ern_id}/areas/{area}/retire": Attempt(),
    "POST /directory/erns/{ern_id}/areas/{area}/offer": Attempt(),
    "POST /directory/erns/{ern_id}/groups": Attempt(form={"name": "Another group"}),
    "POST /directory/groups/{group_id}": Attempt(
        form=lambda world: {"name": "Group", "seen": "1", "members": str(world.id_of("member"))}
    ),
    "POST /directory/groups/{group_id}/end": Attempt(form={"seen": "1"}),
    "GET /directory/import/example/{kind}": Attempt(values={"kind": "people"}),
    "POST /directory/import/check": Attempt(form={"kind": "centres", "text": CENTRES_CSV}),
    "POST /directory/import": Attempt(form=lambda world: import_form(world, CENTRES_CSV)),
    "POST /plugins/{name}/enable": Attempt(values={"name": "reporting"}),
    "POST /plugins/{name}/disable": Attempt(values={"name": "reporting"}),
    "POST /me/sessions/{session_id}/end": Attempt(),
    "POST /me/sessions/end-others": Attempt(),
    "POST /me/sessions/end-all": Attempt(),
    "POST /me/keys/add": Attempt(),
    # Only after a touch for it, which has its own tests.
    "POST /me/keys/begin": Attempt(options={"json": {}}, status=frozenset({403})),
    "POST /me/keys/finish": Attempt(options={"json": NO_ANSWER}, status=frozenset({403})),
    "POST /me/keys/{key_id}/name": Attempt(form={"label": "On the ward"}),
    "POST /me/keys/{key_id}/remove": Attempt(),
    "POST /me/tokens": Attempt(form={"name": "Night", "scopes": ["case.list"], "days": "30"}),
    "POST /tokens/{token_id}/revoke": Attempt(),
    # The site of these tests has no sign-in provider: tests/web/test_openid.py has.
    "POST /me/openid/{provider}/link": Attempt(status=frozenset({404})),
    "POST /me/openid/{provider}/go": Attempt(status=frozenset({404})),
    "POST /me/openid/{identity_id}/unlink": Attempt(),
    "POST /step-up/begin": Attempt(options={"json": {"_act": ADD, "_subject": ""}}),
    "POST /step-up/finish": Attempt(
        options={"json": {**NO_ANSWER, "_act": ADD, "_subject": ""}}, status=frozenset({422})
    ),
    "POST /access/new": Attempt(form={"ern": "skin", "centre": "NO01", "researcher": "on"}),
    "POST /access/{access_id}/withdraw": Attempt(form={"seen": "1"}),
    # Nothing is asked, so there is nothing to answer.
    "POST /access/{access_id}/answer": Attempt(
        form={"seen": "1", "comment": "Clinic 3"}, status=frozenset({409})
    ),
    "POST /access/{access_id}/endorse": Attempt(
        form=lambda world: {"seen": "1", "code": world.access_code()}
    ),
    "POST /access/{access_id}/approve": Attempt(
        form=lambda world: {"seen": "1", "code": world.access_code()}
    ),
    "POST /access/{access_id}/refuse": Attempt(form={"seen": "1", "message": "Unknown."}),
    "POST /access/{access_id}/ask": Attempt(form={"seen": "1", "message": "Which clinic?"}),
    "POST /people/invite": Attempt(form=PERSON),
    "POST /people/{person_id}/new-link": Attempt(),
    "POST /people/{person_id}/roles": Attempt(form={"role": "professional", "hcp": "CZ01"}),
    "POST /roles/{grant_id}/end": Attempt(),
    "POST /people/{person_id}/recovery": Attempt(form={"reason": "Lost on the train."}),
    "POST /recoveries/{recovery_id}/confirm": Attempt(form={"checked": "on"}),
    "POST /recoveries/{recovery_id}/give-up": Attempt(),
    "POST /me/recovery-codes": Attempt(),
    # Nobody is replacing the keys of any of them, so there is nothing to stop.
    "POST /me/recovery/stop": Attempt(status=frozenset({409})),
    "POST /people/{person_id}/disable": Attempt(),
    "POST /people/{person_id}/enable": Attempt(),
    "POST /people/{person_id}/leave": Attempt(),
    "POST /people/{gone_id}/hand-over": Attempt(
        form=lambda world: {f"patients-{world.values['hcp_id']}": str(world.id_of("professional"))}
    ),
    "POST /patients/{orphan_id}/new-team": Attempt(
        form=lambda world: {"team": str(world.id_of("professional"))}
    ),
    "POST /roles/{grant_id}/hand-over": Attempt(),
    # The panel has a lead.
    "POST /panels/{panel_id}/lead": Attempt(
        form=lambda world: {"lead": str(world.id_of("member"))}, status=frozenset({409})
    ),
}
