"""What a consent covers is asked of one patient and in a query of many: the answers are one."""

from itertools import product

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.clock import clock
from cpms_core.identity.sessions import actor_for
from cpms_core.patients.consent_rules import CLASSES, covers, is_covering
from cpms_core.patients.models import Consent
from tests.factories import make_patient, make_user


@pytest.mark.parametrize("classes", [[], ["text"], ["text", "genome"], ["text", "face_photos"]])
def test_a_query_of_consents_says_the_same_as_the_rule(
    session: Session, classes: list[str]
) -> None:
    actor = actor_for(session, make_user(session))
    for has_photos, ended in product((False, True), repeat=2):
        kinds = ("care", "face_photos") if has_photos else ("care",)
        patient = make_patient(session, actor, consents=kinds)
        care, *photos = patient.consents
        care.classes = classes
        for one in photos:
            one.withdrawn_at = clock.now() if ended else None
        session.flush()
        for needed in CLASSES:
            found = select(Consent.id).where(Consent.patient_id == patient.id, is_covering(needed))
            said = session.scalar(found.limit(1)) is not None
            assert said == covers(patient.consents, needed), (needed, kinds, ended)
