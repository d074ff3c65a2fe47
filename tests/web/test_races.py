"""Two at the same moment: a form sent twice, two savers, somebody who leaves while a page loads."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from uuid import uuid4

from httpx import Response
from sqlalchemy import func, select

from cpms_core.audit import AuditEvent, Event
from cpms_core.cases.models import Case, Record
from cpms_core.identity.models import SignInSession
from cpms_core.identity.own_keys import ADD
from tests import factories
from tests.site import Browser, TestSite
from tests.web.attempts import PATIENT
from tests.web.draft import QUESTION, open_draft
from tests.web.key_person import Person
from tests.web.world import World

TIMES = 10


def at_once(*acts: Callable[[], Response]) -> Sequence[Response]:
    """All of them at the same moment, each in its own thread."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], Response]) -> Response:
        gate.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def twin(browser: Browser) -> Browser:
    """Another tab of the same browser."""
    return Browser(browser.client, browser.token, browser.actor)


def test_a_form_that_was_sent_twice_at_once_happens_once(site: TestSite) -> None:
    clinician = site.person()
    with site.transaction() as session:
        patient = factories.make_patient(session, clinician.actor).id
    for _ in range(TIMES):
        form = {"_once": str(uuid4())}
        tabs = [twin(clinician) for _ in range(3)]
        post = partial(Browser.post, path=f"/patients/{patient}/cases", data=form)
        answers = at_once(*[partial(post, tab) for tab in tabs])
        assert {answer.status_code for answer in answers} <= {303, 409}
        places = {answer.headers["location"] for answer in answers if answer.status_code == 303}
        assert len(places) == 1
    with site.transaction() as session:
        assert session.scalar(select(func.count(Case.id))) == TIMES


def test_of_two_who_save_at_once_one_is_shown_both_versions(site: TestSite) -> None:
    one, other = site.person(), site.person()
    case = open_draft(site, one)
    path = f"{case}/records/core.request"
    for number in range(TIMES):
        form = {**QUESTION, "_base": str(number)}
        answers = at_once(
            partial(one.post, path, form | {"summary": f"one {number}"}),
            partial(other.post, path, form | {"summary": f"other {number}"}),
        )
        assert sorted(answer.status_code for answer in answers) == [303, 409]
    with site.transaction() as session:
        assert session.scalar(select(func.count(Record.id))) == TIMES
        saved = select(func.count(AuditEvent.id)).where(AuditEvent.tag == Event.RECORD_SAVED)
        assert session.scalar(saved) == TIMES


def test_no_answer_revives_a_session_that_was_ended_meanwhile(site: TestSite) -> None:
    for _ in range(TIMES):
        person = site.person()
        token = person.token
        pages = [twin(person) for _ in range(4)]
        leaver = twin(person)
        *late, left = at_once(
            *[partial(page.get, "/centre") for page in pages],
            partial(leaver.post, "/sign-out"),
        )
        assert left.status_code == 303
        assert all(token not in line.headers.get("set-cookie", "") for line in late)
        assert twin(person).get("/centre").headers["location"].startswith("/sign-in")
    with site.transaction() as session:
        alive = select(func.count(SignInSession.id)).where(SignInSession.revoked_at.is_(None))
        assert session.scalar(alive) == 0


def test_of_two_sign_ins_with_one_counter_at_once_one_wins(site: TestSite) -> None:
    """A key never counts the same twice, so the other one comes from a copy."""
    for number in range(TIMES):
        person = Person(site, f"ana{number}@example.org")
        browsers = [site.browser(), site.browser()]
        given = [person.answer(person.begin(one), counter=5) for one in browsers]
        answers = at_once(
            *[
                partial(one.post, "/sign-in/finish", json=answer)
                for one, answer in zip(browsers, given, strict=True)
            ]
        )
        assert sorted(answer.status_code for answer in answers) == [200, 422]


def test_one_touch_of_the_key_serves_one_of_several_acts_at_once(site: TestSite) -> None:
    ana = site.person()
    for number in range(TIMES):
        ana._touch(ana.token, ADD, "")  # type: ignore[misc]  # a site's browsers have it
        post = partial(Browser.post, path="/me/keys/add", touches=False)
        answers = at_once(*[partial(post, twin(ana)) for _ in range(3)])
        first, *others = sorted(answer.status_code for answer in answers)
        assert first == 200 and set(others) <= {403, 409}
        assert site.events().count("site:ceremony:begun") == number + 1


def test_two_coordinators_name_one_lead(site: TestSite) -> None:
    world = World(site, "submitted")
    form = {"lead": str(world.id_of("lead")), "seen": "1"}
    path = f"/requests/{world.values['request_id']}/lead"
    answers = at_once(
        partial(world["coordinator"].post, path, form),
        partial(world["dispatcher"].post, path, form),
    )
    assert sorted(answer.status_code for answer in answers) == [303, 409]
    assert site.events().count("ern:panel:lead_named") == 1


def test_one_patient_enrolled_by_two_at_once_is_told_to_one_of_them(site: TestSite) -> None:
    one, other = site.person(), site.person()
    for number in range(TIMES):
        form = PATIENT | {"given_name": f"Eliška {'a' * number}"}
        answers = at_once(
            partial(one.post, "/centre/patients/new", form),
            partial(other.post, "/centre/patients/new", form),
        )
        assert sorted(answer.status_code for answer in answers) == [303, 409]


def test_one_expert_invited_by_two_at_once_is_invited_once(site: TestSite) -> None:
    world = World(site, "assessment")
    form = {"invite": str(world.id_of("professional elsewhere")), "role": "member"}
    path = f"/panels/{world.values['panel_id']}/members"
    before = site.events().count("panel:member:invited")
    answers = at_once(
        partial(world["coordinator"].post, path, form), partial(world["lead"].post, path, form)
    )
    assert sorted(answer.status_code for answer in answers) == [303, 422]
    assert site.events().count("panel:member:invited") == before + 1
