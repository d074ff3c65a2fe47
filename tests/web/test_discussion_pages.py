"""The discussion of a panel through its pages: with and without a script, on a desk and a phone."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import unescape
from uuid import UUID

import pytest
from sqlalchemy import event, select, update

from cpms_core.clock import clock
from cpms_core.panels.models import Contribution, PanelMember
from cpms_core.patients.models import Consent
from tests.bench.consultation.long_panel import lengthen
from tests.site import Browser, TestSite
from tests.web.world import World

HTMX = {"HX-Request": "true"}


@pytest.fixture
def world(site: TestSite) -> World:
    return World(site, "assessment")


def path(world: World, more: str = "") -> str:
    return f"/panels/{world.values['panel_id']}{more}"


def mine(world: World, more: str = "") -> str:
    """The member's own contribution."""
    return path(world, f"/contributions/{world.values['contribution_id']}{more}")


def read(browser: Browser, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, f"{address}: {answer.status_code} {answer.text[:2000]}"
    return unescape(answer.text)


def test_a_structured_contribution_stands_in_the_discussion(world: World) -> None:
    form = {
        "text": "The teeth speak for it.",
        "certainty": "sure",
        "tests._rows": ["0", "1"],
        "tests.0": "MLPA of 16q24.3",
        "tests.1": "Radiograph of the hand",
        "needs": "A photo of the hands",
        "colleague": "The Barcelona group",
    }
    world["member"].post(path(world, "/contributions"), form)
    page = read(world["lead"], path(world))
    for shown in ("The teeth speak", "Opinion · sure", "Suggested tests", "A photo of the hands"):
        assert shown in page
    assert "Who would know" in page and "The Barcelona group" in page
    assert "MLPA of 16q24.3" in page and "Radiograph of the hand" in page


def test_a_row_more_is_asked_for_without_a_script(world: World) -> None:
    form = {"text": "Half a thought", "tests._rows": "0", "tests.0": "MLPA", "_add": "tests"}
    answer = world["member"].post(path(world, "/contributions"), form)
    assert answer.status_code == 200
    assert 'name="tests.1"' in answer.text and "Half a thought" in answer.text
    assert "Half a thought" in read(world["member"], path(world))  # kept, also if the tab is lost
    assert "Half a thought" not in read(world["lead"], path(world))


def test_what_is_typed_is_kept_and_thrown_away_by_its_author(world: World) -> None:
    member = world["member"]
    kept = member.post(path(world, "/contributions/typing"), {"text": "Half a th", "place": ""})
    assert kept.json().keys() == {"kept_at"}
    assert "Half a th" in read(member, path(world))
    member.post(path(world, "/contributions/discard"), {"place": ""})
    assert "Half a th" not in read(member, path(world))
    odd = member.post(path(world, "/contributions/typing"), {"text": "x", "place": "elsewhere"})
    assert odd.status_code == 422


def test_the_author_changes_a_contribution_and_all_read_both_versions(world: World) -> None:
    member, lead = world["member"], world["lead"]
    assert "KBG." in read(member, mine(world))
    answer = member.post(mine(world), {"text": "Cornelia de Lange.", "seen": "1"})
    assert "Its earlier version stays readable" in unescape(member.follow(answer).text)
    page = read(lead, path(world))
    assert "Cornelia de Lange." in page and "changed" in page
    history = read(lead, mine(world, "/history"))
    assert "KBG." in history and "Cornelia de Lange." in history


def test_two_windows_of_one_author_lose_nothing(world: World) -> None:
    member = world["member"]
    member.post(mine(world), {"text": "First window.", "seen": "1"})
    late = member.post(mine(world), {"text": "Second window.", "seen": "1"})
    assert late.status_code == 409
    assert "First window." in late.text and "Second window." in late.text
    # It is kept, and shown when the form is opened again.
    assert "Second window." in read(member, mine(world))
    seen = re.findall(r'name="seen" value="(\d+)"', late.text)[-1]
    over = member.post(mine(world), {"text": "Second window.", "seen": seen})
    assert over.status_code == 303
    assert "First window." in read(member, mine(world, "/history"))


def test_the_other_version_is_taken_by_throwing_the_own_away(world: World) -> None:
    member = world["member"]
    member.post(mine(world), {"text": "First window.", "seen": "1"})
    late = member.post(mine(world), {"text": "Second window.", "seen": "1"})
    [place] = re.findall(r'name="place" value="(change [^"]+)"', late.text)
    member.post(path(world, "/contributions/discard"), {"place": place})
    page = read(member, mine(world))
    assert "First window." in page and "Second window." not in page


def test_a_change_that_is_wrong_comes_back_as_it_was_typed(world: World) -> None:
    form = {"differential._rows": "0", "differential.0.diagnosis": "Qwerty disease", "seen": "1"}
    answer = world["member"].post(mine(world), form)
    assert answer.status_code == 422 and "Qwerty disease" in answer.text
    added = world["member"].post(mine(world), {**form, "_add": "differential"})
    assert added.status_code == 200 and "differential.1.diagnosis" in added.text


def test_a_reply_stands_below_what_it_answers(world: World) -> None:
    lead = world["lead"]
    whole = read(lead, mine(world, "/reply"))
    part = lead.get(mine(world, "/reply"), headers=HTMX).text
    assert "<html" in whole and "<html" not in part and "Your reply" in part
    form = {"text": "Why?", "reply_to": world.values["contribution_id"]}
    answer = lead.post(path(world, "/contributions"), form)
    page = unescape(lead.follow(answer).text)
    assert "Reply of Dr Lead" in page and "Why?" in page


def test_an_empty_reply_is_refused_where_it_was_typed(world: World) -> None:
    form = {"text": " ", "reply_to": world.values["contribution_id"]}
    answer = world["lead"].post(path(world, "/contributions"), form)
    assert answer.status_code == 422 and "Write what you think." in answer.text
    form["reply_to"] = "none"
    assert world["lead"].post(path(world, "/contributions"), form).status_code == 422


def test_a_named_member_is_told_and_led_to_the_place(world: World) -> None:
    given = world["lead"].post(path(world, "/contributions"), {"text": "@Dr Member, agreed?"})
    home = read(world["member"], "/")
    assert "You are mentioned" in home
    [href] = re.findall(rf'href="({path(world)}\?at=[^"]+)"', home)
    page = world["member"].get(href.partition("#")[0]).text
    assert '<b class="mention">@Dr Member</b>' in page
    assert given.headers["location"].rpartition("#")[2] in page


def test_the_discussion_counts_as_read_when_it_was_shown(world: World) -> None:
    lead, member = world["lead"], world["member"]
    shown = moment_of(read(member, path(world)))
    member.post(path(world, "/seen"), {"shown_at": shown}, headers={"X-Background": "true"})
    lead.post(path(world, "/contributions"), {"text": "Since then."})
    page = read(member, path(world))
    assert "1 new since you last looked" in page and "Mark as read" in page
    assert "new since" not in read(lead, path(world))
    member.post(path(world, "/seen"), {"shown_at": moment_of(page)})
    assert "new since" not in read(member, path(world))
    for odd in ("", "yesterday", "2026-11-25T12:00:00"):
        assert member.post(path(world, "/seen"), {"shown_at": odd}).status_code == 422


def moment_of(page: str) -> str:
    found = re.search(r'name="shown_at" value="([^"]+)"', page)
    assert found
    return found[1]


def test_earlier_entries_come_by_a_link_or_into_the_page(world: World) -> None:
    with world.site.transaction() as session:
        for number in range(60):
            session.add(
                Contribution(
                    panel_id=UUID(world.values["panel_id"]),
                    author_id=world.id_of("lead"),
                    text=f"Thought {number}.",
                )
            )
    page = read(world["member"], path(world))
    assert "Thought 59." in page and "Thought 10." not in page
    [more] = re.findall(r'href="([^"]+show=\d+)"', page)
    assert "Thought 10." in read(world["member"], more)
    part = world["member"].get(more.replace("?", "/entries?"), headers=HTMX).text
    assert "Thought 10." in part and "<html" not in part
    for odd in ("show=-1", "show=x", "show=99999999999", "at=1", "show=²"):
        assert world["member"].get(path(world, f"?{odd}")).status_code == 200


def test_who_only_triages_reads_nothing_of_what_is_said(world: World) -> None:
    for address in (path(world), path(world, "/entries?show=500")):
        assert "KBG." not in read(world["coordinator"], address)


# --- sixty seconds ---


def test_an_invited_expert_answers_from_home_in_sixty_seconds(world: World) -> None:
    invited = world["invited"]
    assert "60-second answer" in read(invited, "/")
    page = read(invited, path(world, "/quick"))
    for shown in ("Which test?", "I know this", "Do this test", "I need to see", "Not my field"):
        assert shown in page
    assert "Answering accepts the invitation" in page and "size=small" in page
    form = {"tests._rows": "0", "tests.0": "MLPA of 16q24.3", "_as": "test"}
    answer = invited.post(path(world, "/quick"), form)
    assert answer.headers["location"] == "/"
    assert "counts as a contribution" in unescape(invited.follow(answer).text)
    assert "MLPA of 16q24.3" in read(world["lead"], path(world))
    with world.site.transaction() as session:
        seat = select(PanelMember.state).where(PanelMember.user_id == world.id_of("invited"))
        assert session.scalar(seat) == "accepted"


def test_not_my_field_names_whom_to_ask(world: World) -> None:
    form = {"colleague": "The Barcelona group", "_as": "pass"}
    world["member"].post(path(world, "/quick"), form)
    assert "Not my field → The Barcelona group" in read(world["lead"], path(world))


def test_a_diagnosis_without_a_code_is_given_as_it_was_written(world: World) -> None:
    form = {"differential._rows": "0", "differential.0.diagnosis": "Qwerty", "_as": "know"}
    answer = world["member"].post(path(world, "/quick"), {**form, "certainty": "sure"})
    said = unescape(world["member"].follow(answer).text)
    assert "No code was found for “Qwerty”" in said
    page = read(world["lead"], path(world))
    assert "Qwerty" in page and "Opinion · sure" in page


def test_an_empty_answer_is_refused_and_what_was_typed_is_kept(world: World) -> None:
    empty = world["member"].post(path(world, "/quick"), {"_as": "know"})
    assert empty.status_code == 422 and "Write what you think." in empty.text
    long = {"needs": "x" * 1500, "_as": "need"}
    refused = world["member"].post(path(world, "/quick"), long)
    assert refused.status_code == 422 and "x" * 1500 in refused.text
    assert "x" * 1500 in read(world["member"], path(world, "/quick"))


def test_no_photo_is_shown_without_the_consent_for_it(world: World) -> None:
    with world.site.transaction() as session:
        session.execute(
            update(Consent).where(Consent.kind == "face_photos").values(withdrawn_at=clock.now())
        )
    page = read(world["invited"], path(world, "/quick"))
    assert "size=small" not in page


def test_nobody_else_answers(world: World) -> None:
    for who in ("observer", "coordinator", "professional"):
        assert world[who].get(path(world, "/quick")).status_code == 403
    assert world["guest"].get(path(world, "/quick")).status_code == 404


def test_once_the_text_is_with_the_members_no_answer_is_taken(site: TestSite) -> None:
    world = World(site, "sign_off")
    answer = world["member"].get(path(world, "/quick"))
    assert answer.status_code == 409 and "with the members" in unescape(answer.text)
    page = read(world["member"], path(world))
    assert "Your contribution" not in page and "/reply" not in page


def test_a_long_discussion_costs_no_query_a_row_and_little_to_load(site: TestSite) -> None:
    world = World(site, "assessment")
    asked: list[str] = []

    def note(*event: object) -> None:
        asked.append(str(event[2]))

    def load() -> tuple[int, int]:
        asked.clear()
        page = read(world["member"], path(world))
        return len(asked), len(page.encode())

    load()
    with listening(site, note):
        short, _ = load()
        lengthen(world, 300, 40)
        long, size = load()
    assert long <= short + 2  # how many are earlier, and nothing for each
    assert size < 150_000


@contextmanager
def listening(site: TestSite, note: Callable[..., None]) -> Iterator[None]:
    event.listen(site.engine, "before_cursor_execute", note)
    yield
    event.remove(site.engine, "before_cursor_execute", note)
