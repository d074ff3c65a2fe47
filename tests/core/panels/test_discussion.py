"""What members say to each other: structured, changed, replied to, spoken to, read."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from cpms_core.actor import Actor
from cpms_core.audit import AuditEvent, Event
from cpms_core.clock import clock
from cpms_core.errors import ConflictError, ForbiddenError, InvalidError, NotFoundError
from cpms_core.panels import moves
from cpms_core.panels.discussion import contributions, looks
from cpms_core.panels.discussion.history import read_history
from cpms_core.panels.discussion.mentions import named_in, pieces_of
from cpms_core.panels.discussion.opinion import Opinion, columns_of, opinion_of
from cpms_core.panels.discussion.opinion_typing import changing, keep_typing, open_change, open_form
from cpms_core.panels.discussion.timeline import MOST_NEW, Timeline
from cpms_core.panels.guards import count_contributors
from cpms_core.panels.home.home import read_home
from cpms_core.panels.home.waiting import Item
from cpms_core.panels.models import Contribution
from cpms_core.panels.page.queries import read_panel
from cpms_core.panels.scope import find_panel
from cpms_core.panels.seats import members
from tests.core.panels.consultation import REGISTRY, Consultation

KBG = {"text": ["KBG, I think."], "certainty": ["fairly_sure"]}


@pytest.fixture
def they(session: Session) -> Consultation:
    return Consultation(session).assess()


def give(they: Consultation, author: Actor, text: str, **more: object) -> Contribution:
    form = {"text": [text]}
    return contributions.give(they.session, author, they.panel.id, form, **more)  # type: ignore[arg-type]  # its own options


def change(they: Consultation, given: Contribution, text: str, seen: int = 1) -> Contribution:
    author = they.ghent
    form = {"text": [text]}
    return contributions.change_contribution(
        they.session, author, they.panel.id, given.id, form, seen
    )


def discussion_of(they: Consultation, reader: Actor, **more: int) -> Timeline:
    return read_panel(they.session, reader, REGISTRY, they.panel.id, **more).timeline  # type: ignore[arg-type]  # how much to show


def mentions(session: Session, reader: Actor) -> list[Item]:
    """On this person's Home."""
    home = read_home(session, reader, REGISTRY, retention_years=15)
    return [one for one in home.waiting if one.title.startswith("You are mentioned")]


def test_each_part_alone_is_enough(session: Session, they: Consultation) -> None:
    for form in (
        {"tests._rows": ["0"], "tests.0": ["MLPA of 16q24.3"]},
        {"needs": ["A radiograph of the hand"]},
        {"colleague": ["The Barcelona group"], "certainty": ["not_my_field"]},
        {"certainty": ["not_my_field"]},
    ):
        given = contributions.give(session, they.ghent, they.panel.id, form)
        assert given.text == "" and opinion_of(given) != Opinion()


@pytest.mark.parametrize("form", [{}, {"certainty": ["sure"]}, {"tests._rows": ["0"]}])
def test_nothing_said_is_refused(
    session: Session, they: Consultation, form: dict[str, list[str]]
) -> None:
    with pytest.raises(InvalidError) as refusal:
        contributions.give(session, they.ghent, they.panel.id, form)
    assert refusal.value.fields == {"text": "Write what you think."}


def test_a_diagnosis_has_a_code_or_is_refused(session: Session, they: Consultation) -> None:
    form = {"differential._rows": ["0"], "differential.0.diagnosis": ["Something rare"]}
    with pytest.raises(InvalidError) as refusal:
        contributions.give(session, they.ghent, they.panel.id, form)
    assert list(refusal.value.fields) == ["differential.0.diagnosis"]


def test_what_is_stored_reads_back_as_it_was_said() -> None:
    said = Opinion(text="A.", certainty="sure", tests=("B", "C"), needs="D", colleague="E")
    assert opinion_of(Contribution(**columns_of(said))) == said


def test_a_change_keeps_what_was_said_before(session: Session, they: Consultation) -> None:
    given = give(they, they.ghent, "KBG.")
    clock.offset += timedelta(hours=1)
    change(they, given, "Cornelia de Lange.")
    assert (given.text, given.row_version) == ("Cornelia de Lange.", 2)
    history = read_history(session, they.lead, they.panel.id, given.id)
    assert [version.number for version in history.versions] == [2, 1]
    newest = history.versions[0].changes[0]
    assert (newest.before, newest.after) == ("KBG.", "Cornelia de Lange.")
    tags = select(AuditEvent.subject_id).where(AuditEvent.tag == Event.CONTRIBUTION_CHANGED)
    assert session.scalars(tags).all() == [given.id]


def test_a_save_that_changes_nothing_makes_no_version(session: Session, they: Consultation) -> None:
    given = give(they, they.ghent, "KBG.")
    change(they, given, "KBG.")
    assert given.edited_at is None and given.row_version == 1
    assert len(read_history(session, they.lead, they.panel.id, given.id).versions) == 1


def test_a_late_window_is_told_and_loses_nothing(they: Consultation) -> None:
    given = give(they, they.ghent, "KBG.")
    change(they, given, "First window.")
    with pytest.raises(ConflictError) as refusal:
        change(they, given, "Second window.")
    assert refusal.value.theirs.text == "First window."
    assert refusal.value.yours.text == "Second window."
    assert given.text == "First window."


def test_only_the_author_changes_a_contribution(session: Session, they: Consultation) -> None:
    given = give(they, they.lyon, "KBG.")
    with pytest.raises(ForbiddenError):
        change(they, given, "Not mine")
    contributions.change_contribution(session, they.lyon, they.panel.id, given.id, KBG, 1)


def test_nothing_is_changed_once_the_discussion_is_over(they: Consultation) -> None:
    given = give(they, they.ghent, "KBG.")
    they.draft()
    they.put()
    with pytest.raises(ConflictError, match="with the members"):
        change(they, given, "Too late")


def test_a_contribution_of_another_panel_is_not_found(session: Session, they: Consultation) -> None:
    other = Consultation(session).assess()
    given = give(other, other.ghent, "Elsewhere.")
    with pytest.raises(NotFoundError):
        contributions.give(session, they.ghent, they.panel.id, KBG, reply_to=given.id)
    with pytest.raises(NotFoundError):
        change(they, given, "Elsewhere")


def test_threads_have_one_level(they: Consultation) -> None:
    top = give(they, they.ghent, "KBG.")
    reply = give(they, they.lyon, "Why?", reply_to=top.id)
    again = give(they, they.ghent, "The teeth.", reply_to=reply.id)
    assert (reply.kind, reply.reply_to, again.reply_to) == ("reply", top.id, top.id)
    entry = discussion_of(they, they.lead).entries[-1]
    assert entry.said is not None
    assert [one.opinion.text for one in entry.said.replies] == ["Why?", "The teeth."]


def test_a_reply_is_no_contributor_and_no_first_answer(session: Session) -> None:
    they = Consultation(session)
    they.submit()
    they.name_lead()
    they.invite(they.ghent, they.lyon)
    they.accept(they.ghent)
    given = give(they, they.lead, "What do you think?")
    give(they, they.ghent, "I will look.", reply_to=given.id)
    assert (
        count_contributors(session, find_panel(session, they.lead, they.panel.id, "case.read")) == 1
    )


# --- speaking to somebody ---


def test_a_member_who_is_named_finds_it_on_home_until_it_was_seen(
    session: Session, they: Consultation
) -> None:
    given = give(they, they.ghent, "@Dr Lyon, would you look at the hands? Not @Dr Nobody.")
    (item,) = mentions(session, they.lyon)
    assert str(given.id) in item.href
    assert not mentions(session, they.ghent)
    clock.offset += timedelta(minutes=1)
    looks.note_look(session, they.lyon, they.panel.id, clock.now())
    assert not mentions(session, they.lyon)


def test_a_changed_text_speaks_to_whom_it_names_now(session: Session, they: Consultation) -> None:
    given = give(they, they.ghent, "@Dr Lyon?")
    change(they, given, "@Dr Lead?")
    assert not mentions(session, they.lyon)
    assert mentions(session, they.lead)


def test_who_left_the_panel_is_not_spoken_to(session: Session, they: Consultation) -> None:
    members.remove_member(session, they.lead, they.panel.id, they.lyon.user_id)
    give(they, they.ghent, "@Dr Lyon?")
    assert not mentions(session, they.lyon)


def test_the_longest_name_is_meant() -> None:
    names = ("Dr Ann", "Dr Ann Leroy")
    assert named_in("@Dr Ann Leroy and @Dr Ann.", names) == {"Dr Ann Leroy", "Dr Ann"}
    assert named_in("@Dr Annette, a@Dr Ann", ("Dr Ann",)) == {"Dr Ann"}
    assert pieces_of("Ask @Dr Ann.", names) == (("Ask ", False), ("@Dr Ann", True), (".", False))
    assert pieces_of("@Dr Ann", ()) == (("@Dr Ann", False),)


# --- what is new ---


def test_what_others_said_since_the_last_look_is_new(session: Session, they: Consultation) -> None:
    assert discussion_of(they, they.lead).new == 0  # who never looked finds nothing marked
    clock.offset += timedelta(minutes=1)
    looks.note_look(session, they.lead, they.panel.id, clock.now())
    clock.offset += timedelta(minutes=1)
    given = give(they, they.ghent, "One more thought.")
    give(they, they.lead, "Thank you.", reply_to=given.id)
    line = discussion_of(they, they.lead)
    assert line.new == 1 and line.first_new == f"c-{given.id}"
    assert discussion_of(they, they.ghent).new == 0
    looks.note_look(session, they.lead, they.panel.id, line.shown_at)
    assert discussion_of(they, they.lead).new == 0


def test_what_came_after_the_page_was_made_stays_new(session: Session, they: Consultation) -> None:
    looks.note_look(session, they.lead, they.panel.id, clock.now())
    shown_at = discussion_of(they, they.lead).shown_at
    clock.offset += timedelta(seconds=4)
    give(they, they.ghent, "While the lead was reading.")
    clock.offset += timedelta(seconds=4)
    looks.note_look(session, they.lead, they.panel.id, shown_at)
    assert discussion_of(they, they.lead).new == 1


def test_nobody_can_have_seen_the_future(session: Session, they: Consultation) -> None:
    looks.note_look(session, they.lead, they.panel.id, clock.now() + timedelta(days=9))
    clock.offset += timedelta(minutes=1)
    give(they, they.ghent, "Tomorrow's thought.")
    assert discussion_of(they, they.lead).new == 1


def test_an_old_thread_with_something_new_is_shown_with_the_newest(
    session: Session, they: Consultation
) -> None:
    first = give(they, they.ghent, "The first of many.")
    for number in range(60):
        give(they, they.lyon, f"Thought {number}")
    clock.offset += timedelta(minutes=1)
    looks.note_look(session, they.lead, they.panel.id, clock.now())
    clock.offset += timedelta(minutes=1)
    give(they, they.lyon, "And a word about the first.", reply_to=first.id)
    line = discussion_of(they, they.lead)
    assert line.entries[0].id == f"c-{first.id}" and line.first_new == f"c-{first.id}"
    assert len(line.entries) == 21 and line.earlier_new == 0


def test_of_very_much_that_is_new_a_page_shows_some_and_counts_the_rest(
    session: Session, they: Consultation
) -> None:
    looks.note_look(session, they.lead, they.panel.id, clock.now())
    clock.offset += timedelta(minutes=1)
    for number in range(100):
        give(they, they.ghent, f"Thought {number}")
    line = discussion_of(they, they.lead)
    assert (line.new, len(line.entries), line.earlier_new) == (100, 20 + MOST_NEW, 40)


# --- what is typed ---


def test_typing_is_kept_until_it_is_given(session: Session, they: Consultation) -> None:
    scope = find_panel(session, they.ghent, they.panel.id, "case.read")
    keep_typing(session, they.ghent, they.panel.id, {"text": ["Half a th"]})
    assert open_form(session, they.ghent, scope).values["text"] == ["Half a th"]
    assert open_form(session, they.lyon, scope).values["text"] == [""]
    assert open_form(session, they.ghent, scope, "quick").values["text"] == [""]
    give(they, they.ghent, "A whole thought.")
    assert open_form(session, they.ghent, scope).typed_at is None


def test_a_change_that_was_begun_is_found_again_with_its_version(
    session: Session, they: Consultation
) -> None:
    given = give(they, they.ghent, "KBG.")
    place = changing(given.id)
    keep_typing(session, they.ghent, they.panel.id, {"text": ["KBG, or"]}, place, 1)
    left = open_change(session, they.ghent, they.panel.id, given.id)
    assert (left.values["text"], left.row_version) == (["KBG, or"], 1)
    change(they, given, "KBG, or a deletion.")
    left = open_change(session, they.ghent, they.panel.id, given.id)
    assert (left.values["text"], left.row_version) == (["KBG, or a deletion."], 2)


def test_more_than_a_contribution_can_hold_is_not_kept(
    session: Session, they: Consultation
) -> None:
    with pytest.raises(InvalidError):
        keep_typing(session, they.ghent, they.panel.id, {"text": ["x" * 300_000]})


def test_nobody_types_into_a_panel_that_is_over(session: Session, they: Consultation) -> None:
    they.panel.stage = "closed"
    session.flush()
    with pytest.raises(ConflictError):
        keep_typing(session, they.ghent, they.panel.id, {"text": ["Too late"]})
    with pytest.raises(ConflictError):
        moves.move_stage(session, they.lead, they.panel.id, "assessment", they.panel.row_version)
