"""Two whole consultations in a real Chromium, by the mouse and by the keyboard alone.

The first is forwarded to a second ERN, with five people and a guest; a question to the submitter, a
consent withdrawn in the middle, an outcome signed, its follow-up answered, the panel reopened, and
the consent for care withdrawn. The second is of a network that has just chosen the quick workflow.
"""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from playwright.sync_api import expect
from sqlalchemy import update

from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.identity.models import AreaInterest
from cpms_core.panels.after.models import FollowUp
from tests.engines import SqliteTemplate
from tests.journeys.chromium import PHONE, chromium
from tests.journeys.consulting import PICTURES, MakeHands, Somebody, Stage
from tests.journeys.hands import Keyboard, Mouse
from tests.journeys.server import Server, make_data
from tests.web.draft import jpeg


@pytest.fixture
def server(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Server]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    make_data(tmp_path / "site", sqlite_template)
    with Server(tmp_path / "site") as running:
        yield running


@pytest.fixture(params=["mouse", "keyboard"])
def hands(request: pytest.FixtureRequest) -> MakeHands:
    kinds: dict[str, MakeHands] = {"mouse": Mouse, "keyboard": Keyboard}
    return kinds[request.param]


def test_a_forwarded_case_is_answered_followed_up_and_reopened(
    server: Server, hands: MakeHands, tmp_path: Path
) -> None:
    with chromium() as browser:
        stage = Stage(server, browser, hands, "full")
        stage.open_second_ern()
        case = f"/cases/{stage.draft()}"
        _add_photo(stage, case, tmp_path)
        _send(stage, case)
        _forward(stage)
        panel = _name_lead(stage)
        guest = _invite_guest(stage, panel)
        _answer_in_sixty_seconds(stage, panel)
        _ask_and_answer(stage, panel)
        _withdraw_photos(stage, case)
        _contribute(stage, guest, panel)
        _draft_and_judge(stage, guest, panel)
        _sign(stage, panel)
        _follow_up(stage)
        _reopen(stage, panel)
        _withdraw_care(stage)
        stage.ensure_no_faults()


def _add_photo(stage: Stage, case: str, tmp_path: Path) -> None:
    face = tmp_path / "face.jpg"
    face.write_bytes(jpeg(600, 800))
    page = stage.submitter.go(case)
    page.locator("input[type=file]:not([webkitdirectory])").first.set_input_files([face])
    expect(page.locator(f"a[href*='{case}/photos/']").first).to_be_visible(timeout=30_000)


def _send(stage: Stage, case: str) -> None:
    one = stage.submitter
    page = one.go(case)
    one.press("link", "Send to")
    page.wait_for_url("**/submit*")
    if page.get_by_role("link", name="Choose").count():
        stage.picture(one, "choose-ern")
        one.hands.press(
            page.locator("li", has_text="ERN ITHACA").get_by_role("link", name="Choose")
        )
    one.hands.choose(page.get_by_label("Thematic area"), "Undiagnosed multiple anomalies")
    stage.picture(one, "send")
    one.press("button", "Send to ERN ITHACA")
    one.sees("Sent.")


def _forward(stage: Stage) -> None:
    one = stage.dispatcher
    one.go("/")
    one.press("link", "Name a lead")
    stage.picture(one, "request")
    one.press("link", "Forward it")
    one.press("link", "Choose", exact=True)
    one.write("Why Prenatal network", "The findings were seen before birth.")
    stage.picture(one, "forward")
    one.press("button", "Forward to Prenatal network")
    one.sees("Forwarded to Prenatal network.")
    assert "KBG-like" not in one.go("/").inner_text("body")


def _name_lead(stage: Stage) -> str:
    one = stage.second
    page = one.go("/")
    one.press("link", "Name a lead")
    one.sees("The findings were seen before birth.")
    for name, box in (("Ingrid Solberg", "lead"), ("Ελένη", "invite")):
        row = page.locator("#experts > *").filter(has_text=name)
        one.hands.tick(row.locator(f"input[name={box}]"))
    stage.picture(one, "request-forwarded")
    one.press("button", "Make the panel")
    page.wait_for_url("**/panels/*")
    return page.url.removeprefix(stage.server.url)


def _invite_guest(stage: Stage, panel: str) -> Somebody:
    one = stage.second
    page = one.go(f"{panel}/members")
    email = "guest@hospital.example"
    form = page.locator("form[action$='/guests']")
    if not form.is_visible():
        one.hands.press(page.locator("summary", has_text="guest").first)
    one.hands.write(form.get_by_label("Name"), "Dr Olena Kovalenko")
    one.hands.write(form.get_by_label("E-mail address"), email)
    one.hands.press(form.get_by_role("button").last)
    one.press("button", "Use your key")
    link = page.get_by_text("/enrol/").inner_text()
    code = page.locator(".figure strong").inner_text()
    return stage.arrive(link, code, email, UUID(int=0))


def _answer_in_sixty_seconds(stage: Stage, panel: str) -> None:
    one = stage.expert
    one.page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a TypedDict of two ints
    page = one.go("/")
    one.press("link", "60-second answer")
    expect(page.locator(".strip img").first).to_be_visible()
    one.hands.press(page.locator("summary", has_text="Do this test"))
    one.write("Which test", "MLPA of 16q24.3")
    stage.picture(one, "sixty-seconds")
    one.page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as above
    one.hands.press(page.locator("details[open]").get_by_role("button", name="Send"))
    page.wait_for_url(stage.server.url + "/")
    one.page.set_viewport_size({"width": 1440, "height": 900})
    one.go(panel)
    one.sees("MLPA of 16q24.3")


def _ask_and_answer(stage: Stage, panel: str) -> None:
    lead, submitter = stage.lead, stage.submitter
    page = lead.go(panel)
    lead.press("link", "Ask the submitter for more data")
    lead.hands.write(page.locator("#ask textarea"), "Can we see the hands?")
    lead.hands.tick(page.locator("#ask input[name=wait]"))
    stage.picture(lead, "ask")
    lead.press("button", "Ask the submitter")
    lead.is_at("Data completion")
    page = submitter.go("/")
    stage.picture(submitter, "home-asked")
    submitter.hands.press(page.locator("#waiting li", has_text="hands").get_by_role("link").first)
    submitter.write("Your answer, or why it cannot be had", "Brachydactyly of all fingers.")
    stage.picture(submitter, "answer")
    submitter.press("button", "Send the answer")
    submitter.sees("The panel has your answer.")
    lead.go(panel)
    lead.sees("Brachydactyly of all fingers.")
    lead.is_at("Assessment")


def _withdraw_photos(stage: Stage, case: str) -> None:
    one = stage.submitter
    one.go("/centre/patients")
    one.write("Pseudonym", stage.patient)
    one.hands.choose(one.page.get_by_label("Show", exact=True), "With an open case")
    one.press("button", "Show", exact=True)
    one.sees(f"for “{stage.patient}”")
    stage.picture(one, "patients")
    one.press("link", stage.patient)
    _withdraw(stage, "Photos of the face")
    stage.picture(one, "receipt-photos")
    stage.expert.go(case)
    expect(stage.expert.page.locator(f"img[src*='{case}/files/']")).to_have_count(0)
    stage.picture(stage.expert, "case-without-photos")


def _withdraw(stage: Stage, consent: str) -> None:
    """From the patient's page to the receipt."""
    one = stage.submitter
    row = one.page.locator("[aria-labelledby=consents-title] li", has_text=consent)
    one.hands.press(row.get_by_role("link", name="Withdraw"))
    stage.picture(one, f"withdraw-{consent[:4].lower()}")
    one.press("button", "Withdraw the consent")
    one.press("button", "Use your key")
    one.sees("Receipt: a consent was withdrawn")


def _contribute(stage: Stage, guest: Somebody, panel: str) -> None:
    page = guest.go(panel)
    guest.hands.write(page.locator("#contribute textarea").first, "I have seen two such families.")
    stage.picture(guest, "guest")
    guest.press("button", "Contribute", exact=True)
    guest.sees("I have seen two such families.")
    stage.lead.go(panel)
    stage.lead.sees("new since you last looked")
    stage.picture(stage.lead, "panel")


def _draft_and_judge(stage: Stage, guest: Somebody, panel: str) -> None:
    lead = stage.lead
    page = lead.go(panel)
    lead.press("button", "Draft the outcome")
    _fill_outcome(lead, "KBG syndrome is the working diagnosis")
    stage.picture(lead, "outcome-draft")
    _put(lead)
    for one in (stage.expert, guest):
        page = one.go(f"{panel}/outcome")
        one.hands.tick(page.get_by_label("I agree", exact=True))
        one.hands.press(page.get_by_role("button", name="Answer").last)
        one.sees("Your answer is taken")


def _fill_outcome(lead: Somebody, conclusion: str) -> None:
    page, hands = lead.page, lead.hands
    hands.write(page.get_by_label("Conclusion in one line"), conclusion)
    hands.write(page.get_by_label("Answer to the question"), "Yes: MLPA of 16q24.3 next.")
    hands.choose(page.get_by_label("Kind of outcome"), "genetic test")
    hands.tick(page.get_by_label("Probable", exact=True))
    hands.write(page.get_by_label("What should be done").last, "MLPA of 16q24.3")
    hands.choose(page.get_by_label("Kind", exact=True).last, "genetic test")
    hands.tick(page.get_by_label("Strong", exact=True).last)


def _put(lead: Somebody) -> None:
    page = lead.page
    lead.hands.press(page.get_by_role("button", name="Put").first)
    lead.hands.press(page.get_by_role("dialog").get_by_role("button", name="Put"))
    lead.sees("with the members now")


def _sign(stage: Stage, panel: str) -> None:
    lead = stage.lead
    page = lead.go(f"{panel}/outcome")
    lead.press("button", "Sign with your security key")
    expect(page.get_by_role("heading", name="Signed with a security key")).to_be_visible(
        timeout=15_000
    )
    stage.picture(lead, "outcome-signed")
    for link in page.locator("a[href*='/letters/']").all()[:2]:
        name = link.inner_text()
        lead.hands.press(page.get_by_role("link", name=name).first)
        page.wait_for_url("**/letters/*")
        stage.picture(lead, f"letter-{name.split()[-1].lower()}")
        page.go_back()


def _follow_up(stage: Stage) -> None:
    with transaction(stage.server.engine) as session:
        session.execute(
            update(FollowUp).where(FollowUp.kind == "day_21").values(due_on=clock.today())
        )
    one = stage.submitter
    page = one.go("/")
    stage.picture(one, "home-follow-up")
    one.press("button", "Not done")
    one.hands.write(page.get_by_label("Why not?"), "waiting list")
    one.hands.press(page.get_by_role("button", name="Save"))
    expect(page.get_by_role("button", name="Change").first).to_be_visible()
    stage.expert.go("/")
    stage.expert.sees("What became of your advice")
    stage.picture(stage.expert, "home-became")


def _reopen(stage: Stage, panel: str) -> None:
    one, lead = stage.submitter, stage.lead
    page = one.go(f"{panel}/outcome")
    one.hands.press(page.locator("summary", has_text="Ask to reopen on new data"))
    one.write("What is new?", "The sister has the same findings.")
    one.press("button", "Ask to reopen")
    one.sees("You have asked.")
    page = lead.go("/")
    stage.picture(lead, "home-reopening")
    lead.go(f"{panel}/outcome")
    lead.press("button", "Reopen the panel")
    lead.hands.press(page.get_by_role("dialog").get_by_role("button", name="Reopen"))
    page.wait_for_url(f"**{panel}")
    lead.is_at("Assessment")
    stage.picture(lead, "reopened")


def _withdraw_care(stage: Stage) -> None:
    one, lead = stage.submitter, stage.lead
    one.go("/centre/patients")
    one.press("link", stage.patient)
    stage.picture(one, "patient")
    _withdraw(stage, "Care:")
    stage.picture(one, "receipt-care")
    assert "KBG-like" not in lead.go("/").inner_text("body")
    stage.picture(lead, "home-withdrawn")


def test_a_quick_case_is_answered_and_closed_with_a_note(server: Server, hands: MakeHands) -> None:
    with chromium() as browser:
        stage = Stage(server, browser, hands, "quick")
        _choose_quick(stage)
        expert = stage.join("Dr Lyon", hcp="FR25", has_key=False)
        with transaction(server.engine) as session:
            session.add(AreaInterest(user_id=expert.user_id, ern_id="ithaca", area="undiagnosed"))
        case = f"/cases/{stage.draft()}"
        _send(stage, case)
        page = expert.go("/")
        stage.picture(expert, "home")
        expert.hands.press(page.locator("#waiting a[href*='/panels/']").last)
        expert.hands.write(page.locator("#contribute textarea").first, "Sequence ANKRD11.")
        expert.press("button", "Contribute", exact=True)
        expert.sees("Sequence ANKRD11.")
        stage.picture(expert, "panel")
        one = stage.submitter
        one.go("/")
        one.press("link", "Read and close")
        one.sees("Sequence ANKRD11.")
        one.write("What do you take away?", "We sequence ANKRD11.")
        stage.picture(one, "answered")
        one.press("button", "Close the consultation")
        one.sees("What was taken away")
        stage.picture(one, "closed")
        stage.ensure_no_faults()


def _choose_quick(stage: Stage) -> None:
    one = stage.dispatcher
    page = one.go("/directory/erns/ithaca/promises")
    one.hands.tick(page.get_by_label("Quick: open to the experts at once"))
    one.write("Other free days", "2026-12-24")
    one.write("Triage: working hours", "8")
    stage.picture(one, "promises")
    one.press("button", "Save")
    one.sees("works like this from now on")
