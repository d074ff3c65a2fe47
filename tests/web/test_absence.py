"""Away for a time: what the deputy sees meanwhile, and what not."""

from datetime import timedelta

from cpms_core.actor import Role
from cpms_core.clock import clock
from cpms_core.identity.models import Deputy
from tests.site import Browser, TestSite
from tests.web.draft import ask, open_draft
from tests.web.test_care_teams import restricted
from tests.web.world import World


def away(absent: Browser, deputy: Browser, days: int = 7, starts_in: int = 0) -> str:
    first = clock.today() + timedelta(days=starts_in)
    form = {
        "first": first.isoformat(),
        "last": (first + timedelta(days=days)).isoformat(),
        "deputy": str(deputy.actor.user_id),
    }
    return absent.follow(absent.post("/me/absence", form)).text


def test_a_deputy_sees_what_waits_and_the_care_teams(site: TestSite) -> None:
    absent, deputy = site.person(name="Dr Absent"), site.person(name="Dr Deputy")
    case = open_draft(site, absent, pseudonym="Wren-1111")
    ask(absent, case)
    patient = restricted(absent)
    assert deputy.get(patient).status_code == 404
    page = away(absent, deputy)
    assert "Dr Deputy" in page and "stands in" in page
    assert "For Dr Absent: Case Wren-1111" in deputy.get("/").text
    assert deputy.get(patient).status_code == 200
    assert "Dr Deputy stands in" in absent.get(patient).text
    assert "site:deputy:named" in site.events()


def test_it_ends_at_once_or_by_itself(site: TestSite) -> None:
    absent, deputy = site.person(), site.person()
    patient = restricted(absent)
    away(absent, deputy)
    absent.follow(absent.post("/me/absence/end"))
    assert deputy.get(patient).status_code == 404
    away(absent, deputy)
    assert deputy.get(patient).status_code == 200
    with site.transaction() as session:
        for row in session.query(Deputy):
            row.until = clock.now()
    assert deputy.get(patient).status_code == 404
    assert patient not in deputy.get("/centre").text


def test_nothing_is_open_before_the_first_day(site: TestSite) -> None:
    absent, deputy = site.person(), site.person()
    patient = restricted(absent)
    away(absent, deputy, starts_in=2)
    assert deputy.get(patient).status_code == 404


def test_a_deputy_answers_what_an_ern_asks_back(site: TestSite) -> None:
    world = World(site, "submitted")
    absent, deputy = world["professional"], site.person(hcp="CZ01")
    away(absent, deputy)
    request = f"/requests/{world.values['request_id']}"
    coordinator = world["coordinator"]
    coordinator.post(f"{request}/return", {"reason": "Photos, please.", "seen": "1"})
    assert "Photos, please." in deputy.get("/").text
    sent = deputy.post(
        f"/cases/{world.values['case_id']}/submit", {"ern": "ithaca", "area": "undiagnosed"}
    )
    assert sent.status_code == 303
    assert "Photos, please." not in deputy.get("/").text


def test_a_deputy_gets_nothing_on_a_panel(site: TestSite) -> None:
    world = World(site, "sign_off")
    deputy = site.person(hcp="NO01")
    away(world["lead"], deputy)
    panel = f"/panels/{world.values['panel_id']}"
    for address in (panel, f"{panel}/outcome", f"/cases/{world.values['case_id']}"):
        assert deputy.get(address).status_code == 404
    assert deputy.post(f"{panel}/outcome/sign/begin", json={}).status_code == 404
    assert world.values["panel_id"] not in deputy.get("/").text


def test_only_somebody_with_the_same_role_at_the_same_centre_stands_in(site: TestSite) -> None:
    absent = site.person(Role.CENTRE_MANAGER)
    site.person(Role.CENTRE_MANAGER)
    for other in (site.person(), site.person(Role.CENTRE_MANAGER, hcp="CZ01"), absent):
        form = {
            "first": clock.today().isoformat(),
            "last": clock.today().isoformat(),
            "deputy": str(other.actor.user_id),
        }
        answer = absent.post("/me/absence", form)
        assert answer.status_code == 422
        assert "your role at your centre" in answer.text


def test_days_that_make_no_sense_are_named(site: TestSite) -> None:
    absent, deputy = site.person(), site.person()
    today = clock.today()
    for first, last in (
        (today, today - timedelta(days=1)),
        (today - timedelta(days=3), today - timedelta(days=1)),
        (today, today + timedelta(days=400)),
    ):
        form = {"first": first.isoformat(), "last": last.isoformat()}
        answer = absent.post("/me/absence", form | {"deputy": str(deputy.actor.user_id)})
        assert answer.status_code == 422
        assert f'value="{first.isoformat()}"' in answer.text


def test_a_deputy_has_no_deputy_of_the_own_in_this(site: TestSite) -> None:
    absent, deputy, third = site.person(), site.person(), site.person()
    patient = restricted(absent)
    away(absent, deputy)
    away(deputy, third)
    assert third.get(patient).status_code == 404


def test_standing_in_ends_when_either_leaves(site: TestSite) -> None:
    absent, deputy, manager = site.person(), site.person(), site.person(Role.CENTRE_MANAGER)
    patient = restricted(absent)
    away(absent, deputy)
    manager.follow(manager.post(f"/people/{deputy.actor.user_id}/disable"))
    manager.follow(manager.post(f"/people/{deputy.actor.user_id}/enable"))
    again = site.sign_in_again(deputy.actor.user_id)
    assert again.get(patient).status_code == 404
