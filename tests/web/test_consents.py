"""What a consent covers, for whom, and what withdrawing it does."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import select

from cpms_core.cases.models import Attachment, CodedValue
from cpms_core.panels.models import ConsultationRequest, Outcome, Panel
from cpms_core.panels.outcome import outcomes
from cpms_core.patients.models import Consent, Patient
from tests.site import Browser, TestSite
from tests.web.test_patients import CARE, patient_of
from tests.web.world import World


def limit(world: World, **values: Any) -> None:
    """As if the consent for care of the world's patient had been recorded so."""
    with world.site.transaction() as session:
        care = session.scalars(select(Consent).where(Consent.kind == "care")).all()
        for one in care:
            for name, value in values.items():
                setattr(one, name, value)


def withdraw(world: World, kind: str = "care") -> str:
    patient_id = UUID(world.values["patient_id"])
    with world.site.transaction() as session:
        consent = session.scalars(
            select(Consent).where(Consent.kind == kind, Consent.patient_id == patient_id)
        ).one()
    return f"/patients/{patient_id}/consents/{consent.id}/withdraw"


def add_genome(world: World) -> None:
    """A saved form whose data are of the class genome."""
    address = f"/cases/{world.values['case_id']}/records/ithaca.genetics"
    form = {"_base": "0", "notes": "KANSL1 c.1816C>T"}
    answer = world["professional"].post(address, form)
    assert answer.status_code == 303, answer.text


def test_a_consent_is_recorded_with_what_it_covers_and_for_whom(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    form = {**CARE, "classes": ["text", "imaging"], "erns": ["ithaca"], "assent": "yes"}
    page = clinician.follow(clinician.post(f"{patient}/consents", form)).text
    assert "covers text and coded data, imaging" in page
    assert "only for ERN ITHACA" in page
    assert "the patient: agrees" in page
    assert re.search(r"to be asked again on <time[^>]*>1 May 2038", page)


def test_a_patient_who_signed_is_not_asked_again(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    page = clinician.follow(clinician.post(f"{patient}/consents", {**CARE, "signer": "patient"}))
    assert "to be asked again" not in page.text


def test_classes_that_do_not_exist_are_refused_and_the_rest_is_kept(site: TestSite) -> None:
    clinician = site.person()
    patient = patient_of(site, clinician, consents=())
    for wrong in ({"classes": ["text", "dreams"]}, {"classes": ["imaging"]}, {"erns": ["moon"]}):
        answer = clinician.post(f"{patient}/consents", {**CARE, **wrong})
        assert answer.status_code == 422
        assert 'value="paper file, ward 3"' in answer.text


def test_others_do_not_read_what_the_consent_leaves_out(site: TestSite) -> None:
    world = World(site, "assessment")
    add_genome(world)
    case = f"/cases/{world.values['case_id']}"
    assert "KANSL1" in world["member"].get(case).text
    limit(world, classes=["text", "imaging", "face_photos"])
    page = world["member"].get(case).text
    assert "KANSL1" not in page
    assert "Genome: the consent does not cover it." in page
    assert "Tall for the age" in page
    answer = world["member"].get(f"{case}/records/ithaca.genetics/history")
    assert answer.status_code == 403 and "KANSL1" not in answer.text
    assert "Genome: the consent does not cover it." in answer.text


def test_the_own_centre_reads_all_and_is_told_what_others_do_not_see(site: TestSite) -> None:
    world = World(site, "assessment")
    add_genome(world)
    limit(world, classes=["text"])
    page = world["professional"].get(f"/cases/{world.values['case_id']}").text
    assert "KANSL1" in page
    assert "Genome: the consent does not cover it, so nobody outside your centre sees it." in page
    assert "Record it on the patient's page" in page


def test_images_and_photos_are_hidden_with_the_reason_in_their_place(site: TestSite) -> None:
    world = World(site, "assessment")
    values = world.values
    case = f"/cases/{values['case_id']}"
    study = f"/x/dicom_viewer{case}/studies/{values['group']}"
    limit(world, classes=["text"])
    with site.transaction() as session:
        for one in session.scalars(select(Consent).where(Consent.kind == "face_photos")):
            session.delete(one)
    member = world["member"]
    page = member.get(case).text
    assert "Imaging: the consent does not cover it." in page
    assert "Photos of the face: the consent does not cover it." in page
    assert "/photos/" not in page and "/studies/" not in page
    assert member.get(study).status_code == 404
    for path in ("files", "photos"):
        assert member.get(f"{case}/{path}/{values['attachment_id']}").status_code == 404
    assert world["professional"].get(study).status_code == 200


def test_a_photo_without_a_face_needs_the_consent_for_other_photos_only(site: TestSite) -> None:
    world = World(site, "assessment")
    limit(world, classes=["text", "photos"])
    with site.transaction() as session:
        for one in session.scalars(select(Consent).where(Consent.kind == "face_photos")):
            session.delete(one)
    photo = f"/cases/{world.values['case_id']}/photos/{world.values['attachment_id']}"
    assert world["member"].get(photo).status_code == 404
    world["professional"].post(f"{photo}/face", {"face": "no"})
    assert world["member"].get(photo).status_code == 200
    assert world["member"].post(f"{photo}/face", {"face": "yes"}).status_code == 403
    world["professional"].post(f"{photo}/face", {"face": "yes"})
    assert world["member"].get(photo).status_code == 404


def test_the_older_consent_for_photos_of_the_face_still_counts(site: TestSite) -> None:
    world = World(site, "assessment")
    limit(world, classes=["text"])
    photo = f"/cases/{world.values['case_id']}/photos/{world.values['attachment_id']}"
    assert world["member"].get(photo).status_code == 200


def test_what_is_hidden_is_not_found_by_its_code_either(site: TestSite) -> None:
    world = World(site, "assessment")
    address = f"/cases/{world.values['case_id']}/records/ithaca.family"
    page = world["professional"].get(address)
    assert page.status_code == 200
    with site.transaction() as session:
        patient = session.get_one(Patient, UUID(world.values["patient_id"]))
        session.add(
            CodedValue(
                case_id=UUID(world.values["case_id"]),
                dataset="ithaca.genetics",
                field="gene",
                system="HGNC",
                code="HGNC:24565",
                label="KANSL1",
                absent=False,
            )
        )
        name = patient.pseudonym
    assert name in world["member"].get("/search?q=HGNC:24565").text
    limit(world, classes=["text"])
    assert name not in world["member"].get("/search?q=HGNC:24565").text
    assert name in world["professional"].get("/search?q=HGNC:24565").text


def test_the_outcome_lists_as_reviewed_only_what_the_panel_could_read(site: TestSite) -> None:
    world = World(site, "outcome")
    limit(world, classes=["text"])
    lead = world["lead"]
    with site.transaction() as session:
        panel = session.scalars(select(Panel)).one()
        seen = session.scalars(select(Outcome)).one().row_version
        outcomes.put_to_members(session, lead.actor, world.registry, "CPMS", panel.id, seen)
    page = lead.get(f"/panels/{panel.id}/outcome").text
    assert "Findings, version" in page
    assert "MR" not in re.sub(r"<[^>]+>", " ", page).split()


def test_a_case_does_not_go_to_an_ern_that_the_consent_leaves_out(site: TestSite) -> None:
    world = World(site, "draft")
    limit(world, erns=["erknet"])
    case = f"/cases/{world.values['case_id']}"
    answer = world["professional"].post(f"{case}/submit", {"ern": "ithaca", "area": ""})
    assert answer.status_code in {403, 422}
    assert "consent for care is limited to ERKNet" in answer.text
    with site.transaction() as session:
        assert session.scalar(select(ConsultationRequest)) is None


def test_an_ern_beyond_the_limits_no_longer_sees_the_case(site: TestSite) -> None:
    world = World(site, "submitted")
    request = f"/requests/{world.values['request_id']}"
    assert world["coordinator"].get(request).status_code == 200
    limit(world, erns=["erknet"])
    assert world["coordinator"].get(request).status_code == 404


def test_the_preview_names_who_loses_what_and_the_receipt_says_it_word_for_word(
    site: TestSite,
) -> None:
    world = World(site, "assessment")
    address = withdraw(world)
    clinician = world["professional"]
    preview = clinician.get(address).text
    lines = re.findall(r"<li>(.*?)</li>", preview)
    for name in ("Dr Member (", "Dr Lead (", "Dr Coordinator (coordinator of ERN ITHACA"):
        assert any(name in line and "no longer sees anything" in line for line in lines), lines
    assert any(re.fullmatch(r"Panel ITH-\d+-\d+ ends as withdrawn.", line) for line in lines)
    receipt = clinician.follow(clinician.post(address)).text
    for line in lines[-6:]:
        assert line in receipt
    assert site.events()[-1] == "centre:receipt:read"


def test_withdrawing_ends_at_once_what_others_see_and_what_goes_on(site: TestSite) -> None:
    world = World(site, "assessment")
    case = f"/cases/{world.values['case_id']}"
    panel = f"/panels/{world.values['panel_id']}"
    world["professional"].post(withdraw(world))
    for name in ("lead", "member", "observer", "invited", "guest on the panel", "coordinator"):
        assert world[name].get(case).status_code == 404, name
        assert world[name].get(panel).status_code == 404, name
    with site.transaction() as session:
        assert session.scalars(select(Panel)).one().stage == "withdrawn"
    assert world["professional"].get(panel).status_code == 200


def test_a_new_consent_does_not_bring_back_a_panel_that_was_stopped(site: TestSite) -> None:
    world = World(site, "assessment")
    clinician = world["professional"]
    clinician.post(withdraw(world))
    patient = f"/patients/{world.values['patient_id']}"
    assert clinician.post(f"{patient}/consents", CARE).status_code == 303
    case = f"/cases/{world.values['case_id']}"
    assert world["member"].get(case).status_code == 404
    assert "Send it again" in clinician.get(case).text


def test_a_request_that_waits_ends_with_the_consent(site: TestSite) -> None:
    world = World(site, "submitted")
    world["professional"].post(withdraw(world))
    with site.transaction() as session:
        assert session.scalars(select(ConsultationRequest)).one().state == "withdrawn"
    assert world["coordinator"].get(f"/requests/{world.values['request_id']}").status_code == 404


def test_a_signed_outcome_is_seen_again_by_those_the_new_consent_reaches(site: TestSite) -> None:
    world = World(site, "signed")
    case = f"/cases/{world.values['case_id']}"
    clinician = world["professional"]
    clinician.post(withdraw(world))
    assert world["member"].get(case).status_code == 404
    patient = f"/patients/{world.values['patient_id']}"
    elsewhere = {**CARE, "classes": ["text"], "erns": ["erknet"]}
    clinician.post(f"{patient}/consents", elsewhere)
    assert world["member"].get(case).status_code == 404
    clinician.post(withdraw_living(world))
    clinician.post(f"{patient}/consents", {**CARE, "classes": ["text"], "erns": ["ithaca"]})
    assert world["member"].get(case).status_code == 200


def withdraw_living(world: World) -> str:
    with world.site.transaction() as session:
        found = session.scalars(
            select(Consent).where(
                Consent.patient_id == UUID(world.values["patient_id"]),
                Consent.kind == "care",
                Consent.withdrawn_at.is_(None),
            )
        ).one()
    return f"/patients/{found.patient_id}/consents/{found.id}/withdraw"


def test_the_receipt_is_for_the_own_centre_and_is_found_by_its_code(site: TestSite) -> None:
    world = World(site, "assessment")
    clinician = world["professional"]
    answer = clinician.post(withdraw(world))
    receipt = answer.headers["location"]
    found = re.search(r"<strong>([0-9A-Z]{4}-[0-9A-Z]{4})</strong>", clinician.get(receipt).text)
    assert found
    for name in ("member", "coordinator", "professional elsewhere"):
        assert world[name].get(receipt).status_code == 404
    page = clinician.get(f"/centre/patients?q={found[1].lower()}").text
    assert "1 patient" in page and world.values["patient_id"] in page


def test_withdrawing_photos_counts_them_and_hides_them(site: TestSite) -> None:
    world = World(site, "assessment")
    address = withdraw(world, "face_photos")
    clinician: Browser = world["professional"]
    page = clinician.get(address).text
    assert "1 photo of this patient are shown to nobody" in page
    assert "Dr Member (" in page
    clinician.post(address)
    photo = f"/cases/{world.values['case_id']}/photos/{world.values['attachment_id']}"
    assert world["member"].get(photo).status_code == 404
    with site.transaction() as session:
        assert session.scalar(select(Attachment).where(Attachment.viewer == "photo"))


def replacing(world: World, **values: Any) -> str:
    """A newer form for care in the place of the living one; where the answer leads."""
    living = withdraw_living(world).removesuffix("/withdraw")
    form = {**CARE, "form_version": "3.0", "replaces": living.rpartition("/")[2], **values}
    answer = world["professional"].post(f"/patients/{world.values['patient_id']}/consents", form)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


def test_a_narrower_form_hides_at_once_and_lets_the_panel_go_on(site: TestSite) -> None:
    world = World(site, "assessment")
    add_genome(world)
    case = f"/cases/{world.values['case_id']}"
    clinician = world["professional"]
    living = withdraw_living(world).split("/")[-2]
    patient = f"/patients/{world.values['patient_id']}"
    assert f'value="{living}"' in clinician.get(f"{patient}?replace={living}").text
    page = clinician.get(replacing(world, classes=["text"], erns=["ithaca"])).text
    assert "3.0" in page and page.count("withdrawn ") == 2
    assert "Genome: the consent does not cover it." in world["member"].get(case).text
    assert world["member"].get(f"/panels/{world.values['panel_id']}").status_code == 200
    found = re.findall(r"/receipts/[0-9a-f-]+", page)
    receipts = [clinician.get(f"{patient}{one}").text for one in found]
    assert any("took its place" in one and "genome" in one for one in receipts)


def test_a_form_for_other_erns_ends_what_goes_on_here(site: TestSite) -> None:
    world = World(site, "assessment")
    replacing(world, classes=["text"], erns=["erknet"])
    assert world["member"].get(f"/cases/{world.values['case_id']}").status_code == 404
    with site.transaction() as session:
        assert session.scalars(select(Panel)).one().stage == "withdrawn"


def test_a_newer_form_that_is_wrong_leaves_the_old_one_as_it_is(site: TestSite) -> None:
    world = World(site, "assessment")
    living = withdraw_living(world)
    form = {**CARE, "replaces": living.split("/")[-2], "given_on": "2099-01-01"}
    patient = f"/patients/{world.values['patient_id']}"
    answer = world["professional"].post(f"{patient}/consents", form)
    assert answer.status_code == 422 and "Record a newer form" in answer.text
    other = {**CARE, "kind": "registry", "replaces": living.split("/")[-2]}
    assert world["professional"].post(f"{patient}/consents", other).status_code == 422
    nowhere = {**CARE, "replaces": "nonsense"}
    assert world["professional"].post(f"{patient}/consents", nowhere).status_code == 404
    assert withdraw_living(world) == living
    assert world["member"].get(f"/cases/{world.values['case_id']}").status_code == 200
