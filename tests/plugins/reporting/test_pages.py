"""The pages of the reports, over HTTP and with a store."""

import csv
import io
import re

import msgspec
import pytest

from cpms_core import Aggregates, Count, Report, ReportTable
from cpms_core.actor import Role
from cpms_core.panels.after.models import FollowUp, FollowUpAnswer
from cpms_core.panels.models import Outcome
from tests.plugins.reporting.counted import MONDAY, store_panel
from tests.site import Browser, TestSite

pytest.importorskip("cpms_web")  # its pages stand inside the site's frame
REPORTS = ("stages", "times", "closed", "voices", "networks", "years")
OF_ADVICE = ("advice", "reasons")


def coordinator(site: TestSite, ern: str = "ithaca") -> Browser:
    return site.person(Role.COORDINATOR, ern=ern)


def fill(site: TestSite) -> None:
    """A closed panel of two experts, and an open one; both of ERN ITHACA."""
    lead = site.person(hcp="NO01").actor
    ghent, lyon = site.person(hcp="BE01").actor, site.person(hcp="FR25").actor
    with site.transaction() as session:
        store_panel(
            session,
            lead,
            "closed",
            number="ITH-2026-0147",
            authors=(ghent, lyon),
            answered_after=2,
            closed_after=9.5,
        )
        store_panel(session, lead, "assessment", urgency="urgent")


def table_of(page: str) -> list[list[str]]:
    """The cells of the figures' table, as text."""
    body = page.partition('id="figures-')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    texts = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("<tr>")]
    return [
        [re.sub(r"<[^>]+>", "", cell).strip().replace("\u00a0", " ") for cell in row]
        for row in texts[1:]
    ]


def test_the_first_report_opens_with_a_link_to_each(site: TestSite) -> None:
    fill(site)
    page = coordinator(site).get("/x/reporting")
    assert page.status_code == 200
    assert "<h1>Panels by stage</h1>" in page.text
    for name in (*REPORTS, *OF_ADVICE):
        assert f'href="/x/reporting/{name}"' in page.text


@pytest.mark.parametrize("name", REPORTS)
def test_each_report_is_a_table_and_a_chart(site: TestSite, name: str) -> None:
    fill(site)
    page = coordinator(site).get(f"/x/reporting/{name}")
    assert page.status_code == 200
    assert table_of(page.text)
    assert page.text.count("<rect width=") > 0
    assert "style=" not in page.text


def test_a_closed_panel_is_shown_with_its_times(site: TestSite) -> None:
    fill(site)
    page = coordinator(site).get("/x/reporting/closed")
    assert table_of(page.text) == [
        [
            *("ITH-2026-0147", "Routine", "11 Mar 2026"),
            *("6 h", "2 days", "9.5 days", "–", "2", "2"),  # noqa: RUF001 - the page's dash
        ]
    ]


def test_the_submitters_own_words_are_no_contribution(site: TestSite) -> None:
    fill(site)
    file = coordinator(site).get("/x/reporting/voices/export.csv").text
    assert "\r\n0,0,0\r\n1,0,0\r\n2,1,1\r\n" in file


def test_the_file_has_the_exact_figures_and_a_name(site: TestSite) -> None:
    fill(site)
    answer = coordinator(site).get("/x/reporting/closed/export.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "closed-panels.csv" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, row = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert head[3:7] == ["Triage (days)", "First answer (days)", "Outcome (days)", "Waited (days)"]
    assert row[2:7] == ["2026-03-11", "0.25", "2.0", "9.5", ""]


def test_a_reader_sees_the_panels_of_the_own_ern_only(site: TestSite) -> None:
    fill(site)
    page = coordinator(site, "metabern").get("/x/reporting")
    assert "Nothing to count yet" in page.text
    assert "names a lead" in page.text
    file = coordinator(site, "metabern").get("/x/reporting/closed/export.csv")
    assert b"ITH-2026" not in file.content


def test_a_centre_manager_sees_the_panels_of_the_own_centre(site: TestSite) -> None:
    fill(site)
    mine = site.person(Role.CENTRE_MANAGER, hcp="CZ01").get("/x/reporting/networks")
    assert table_of(mine.text)[0][:4] == ["ERN ITHACA", "2", "0", "1"]
    assert "Nothing to count" in site.person(Role.CENTRE_MANAGER).get("/x/reporting/networks").text


def test_what_became_of_the_advice_is_counted_from_ten_recommendations_on(site: TestSite) -> None:
    lead = site.person(hcp="NO01").actor
    given = {"kind": "genetic test", "strength": "strong", "what": "Sequence ANKRD11"}
    with site.transaction() as session:
        panel = store_panel(session, lead, "closed", closed_after=9)
        outcome = Outcome(panel_id=panel.id, version=1, state="signed", changed_by=lead.user_id)
        outcome.draft = {"recommendations": [given] * 24}
        asked = FollowUp(panel_id=panel.id, kind="day_21", due_on=MONDAY.date())
        session.add_all([outcome, asked])
        session.flush()
        for number in range(1, 25):
            said, why = ("done", "") if number > 10 else ("not_done", "cost")
            answer = FollowUpAnswer(follow_up_id=asked.id, outcome_id=outcome.id, number=number)
            answer.said, answer.why = said, why
            session.add(answer)
    reader = coordinator(site)
    page = reader.get("/x/reporting/advice").text
    assert table_of(page) == [["Genetic test", "Strong", "24", "14", "0", "10", "0"]]
    assert table_of(reader.get("/x/reporting/reasons").text) == [["Cost", "10"]]
    elsewhere = coordinator(site, "metabern").get("/x/reporting/advice").text
    assert "Fewer than ten recommendations" in elsewhere


@pytest.mark.parametrize("path", ["", "/closed", "/closed/export.csv"])
def test_a_professional_has_no_reports(site: TestSite, path: str) -> None:
    assert site.person().get(f"/x/reporting{path}").status_code == 403
    answer = site.browser().get(f"/x/reporting{path}")
    assert answer.headers["location"].startswith("/sign-in")


def test_reading_and_taking_away_are_each_in_the_audit(site: TestSite) -> None:
    person = coordinator(site)
    person.get("/x/reporting/times")
    assert site.events()[-1] == "report:report:read"
    person.get("/x/reporting/times/export.csv")
    assert site.events()[-1] == "report:report:exported"


@pytest.mark.parametrize("name", ["nothing", "reporting.times", "times.csv", "=1+1"])
def test_an_unknown_report_is_not_there(site: TestSite, name: str) -> None:
    answer = coordinator(site).get(f"/x/reporting/{name}")
    assert answer.status_code == 404


@pytest.fixture
def _more_reports(site: TestSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if two more plugins were on: one for everybody with reports, one for administrators."""

    def build(counts: Aggregates) -> ReportTable:
        seen = len(counts.panels())
        return ReportTable(columns=("What", "Seen"), rows=(Count(("=Panels",), (seen,)),))

    more = {
        key: Report(key=key, title=title, permission=permission, build=build)
        for key, title, permission in (
            ("example.seen", "Seen by another plugin", "report.read"),
            ("example.secret", "For administrators", "plugins.manage"),
        )
    }
    registry = site.live.registry
    wider = msgspec.structs.replace(registry, reports={**registry.reports, **more})
    monkeypatch.setattr(site.live, "registry", wider)


@pytest.mark.usefixtures("_more_reports")
def test_a_report_of_another_plugin_is_shown_like_ours(site: TestSite) -> None:
    fill(site)
    person = coordinator(site)
    page = person.get("/x/reporting/example.seen")
    assert "<h1>Seen by another plugin</h1>" in page.text
    assert table_of(page.text) == [["=Panels", "2"]]
    assert person.get("/x/reporting/example.seen/export.csv").text.endswith("'=Panels,2\r\n")


@pytest.mark.usefixtures("_more_reports")
def test_a_report_is_neither_named_nor_shown_to_whom_it_is_not_for(site: TestSite) -> None:
    person = coordinator(site)
    assert "For administrators" not in person.get("/x/reporting").text
    assert person.get("/x/reporting/example.secret").status_code == 404
    admin = site.person(Role.SYSTEM_ADMIN)
    assert "<h1>For administrators</h1>" in admin.get("/x/reporting/example.secret").text
