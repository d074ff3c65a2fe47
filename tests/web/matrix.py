"""Who may what around one case, written down by hand, and a site held against it.

The tables are not derived from `access`: a change there is seen here. An unknown route fails.
"""

import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from httpx import Response

from cpms_core.audit import Event
from cpms_core.clock import clock
from cpms_core.declarations import Route
from tests import factories
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of, plain
from tests.web.event_checks import Expected, Row, as_hex, wrong_fields
from tests.web.world import CENTRE, ERN, HOME, NAMES, PANEL, TRIAGE, Until, World

PUBLIC = {
    "GET /sign-in",
    "POST /sign-in/begin",
    "POST /sign-in/finish",
    "GET /enrol/{token}",
    "POST /enrol/{token}/begin",
    "POST /enrol/{token}/finish",
    # Whoever lost the key cannot sign in; the answer is the same for everything that is sent.
    "GET /recover",
    "POST /recover",
    # Joining gives an account without any role; the address proves nothing and shows nothing.
    "GET /join",
    "POST /join/begin",
    "POST /join/finish",
    "GET /join/done",
    # A provider's word begins the ceremony of a key, which alone makes a session.
    "POST /sign-in/openid/{provider}",
    "GET /sign-in/openid/back",
    "POST /sign-in/openid/finish",
    "POST /sign-in/openid/key",
}
"""Open to somebody who is not signed in. Whoever adds to this list says why in the review."""

EVERYBODY = frozenset(NAMES) - {"anonymous"}
WITH_A_ROLE = EVERYBODY - {"without a role", "guest on the panel"}
AT_A_CENTRE = WITH_A_ROLE - {"researcher", "guest", "system administrator"}
MANAGERS = frozenset({"centre manager", "centre manager elsewhere"})
IN_AN_ERN = TRIAGE | {"coordinator of another ERN"}
ADMIN = frozenset({"system administrator"})
LEAD = frozenset({"lead"})

MAY_WITH_THIS_CASE: Mapping[str, frozenset[str]] = {
    "access.endorse": frozenset({"centre manager"}),
    "access.decide": frozenset({"coordinator"}) | ADMIN,
    "patient.read": CENTRE,
    "patient.identity": frozenset({"centre manager"}),
    **dict.fromkeys(
        ("patient.correct", "patient.copy", "patient.erase", "patient.merge"),
        frozenset({"centre manager"}),
    ),
    "patient.restrict": CENTRE,
    "patient.new_team": frozenset({"centre manager"}) | ADMIN,
    "patient.break_glass": CENTRE,
    "patient.move": CENTRE,
    "patient.receive": frozenset({"centre manager elsewhere"}),
    "consent.record": CENTRE,
    "case.open": CENTRE,
    "case.edit": CENTRE,
    "case.submit": CENTRE,
    "case.export": CENTRE,
    "case.withdraw": CENTRE,
    "case.read": CENTRE | PANEL,
    "case.images": CENTRE | PANEL,
    "case.summary": CENTRE | PANEL | TRIAGE,
    "ern.read": TRIAGE,
    "request.triage": TRIAGE,
    "panel.invite": TRIAGE | LEAD,
    "panel.invite_guest": TRIAGE,
    "panel.answer": frozenset({"invited"}),
    "panel.contribute": frozenset({"lead", "member", "guest on the panel", "invited"}),
    "panel.offer": frozenset({"professional elsewhere"}),
    "panel.ask": TRIAGE | {"lead", "member", "guest on the panel"},
    "question.answer": CENTRE,
    "panel.steer": LEAD,
    "panel.close": CENTRE | LEAD,
    "panel.ask_to_reopen": CENTRE,
    "panel.reopen": TRIAGE | LEAD,
    "panel.archive": TRIAGE,
    "follow_up.answer": CENTRE,
    "outcome.judge": frozenset({"lead", "member", "guest on the panel"}),
    "outcome.sign": LEAD,
    "outcome.read": CENTRE | PANEL | TRIAGE,
    "people.manage": frozenset({"centre manager"}) | ADMIN,
    "people.read": frozenset({"centre manager"}) | ADMIN,
    "people.recover": frozenset({"centre manager"}) | ADMIN,
    "directory.manage": ADMIN,
    "network.configure": frozenset({"coordinator"}) | ADMIN,
}
"""For an address with an id of this consultation, its patient or its people in it."""

MAY_SOMEWHERE: Mapping[str, frozenset[str]] = {
    "site.use": EVERYBODY,
    "site.work": WITH_A_ROLE,
    "access.queue": MANAGERS | (IN_AN_ERN - {"dispatcher"}) | ADMIN,
    "audit.read": EVERYBODY,
    "people.manage": MANAGERS | ADMIN,
    "people.read": MANAGERS | ADMIN | {"coordinator", "coordinator of another ERN"},
    "plugins.manage": ADMIN,
    "directory.read": MANAGERS | (IN_AN_ERN - {"dispatcher"}) | ADMIN,
    "directory.manage": ADMIN,
    "centre.describe": MANAGERS | ADMIN,
    "network.configure": (IN_AN_ERN - {"dispatcher"}) | ADMIN,
    "centre.read": AT_A_CENTRE | {"guest"},
    "patient.break_glass": AT_A_CENTRE,
    "patient.enrol": AT_A_CENTRE | {"guest"},
    "ern.read": IN_AN_ERN,
    "report.read": IN_AN_ERN | MANAGERS | ADMIN,
}
"""For an address without one: everybody sees what is their own there."""

MAY_HERE: Mapping[str, frozenset[str]] = {
    # Everybody's own requests for access, and those one handles.
    "GET /access/{access_id}": frozenset({"without a role", "centre manager", "coordinator"})
    | ADMIN,
    "POST /access/{access_id}/answer": frozenset({"without a role"}),
    "POST /access/{access_id}/withdraw": frozenset({"without a role"}),
    # The centre of the case; coordinators know every centre, managers their own.
    "GET /directory/centres/{hcp_id}": frozenset({"centre manager"})
    | (IN_AN_ERN - {"dispatcher"})
    | ADMIN,
    "POST /directory/centres/{hcp_id}": frozenset({"centre manager"}) | ADMIN,
    # Its membership in the ERN of the case, and an expert group of that ERN.
    "POST /directory/centres/{hcp_id}/memberships": frozenset({"coordinator"}) | ADMIN,
    "GET /directory/groups/{group_id}": frozenset({"coordinator"}) | ADMIN,
    "POST /directory/groups/{group_id}": frozenset({"coordinator"}) | ADMIN,
    "POST /directory/groups/{group_id}/end": frozenset({"coordinator"}) | ADMIN,
    # The member's own contribution: nobody else changes it.
    "GET /panels/{panel_id}/contributions/{contribution_id}": frozenset({"member"}),
    "POST /panels/{panel_id}/contributions/{contribution_id}": frozenset({"member"}),
    # The member's own question: only the lead takes back those of others.
    "POST /panels/{panel_id}/questions/{question_id}/back": frozenset({"member"}) | LEAD,
    # What is sent invites somebody to the centre of the case.
    "POST /people/invite": frozenset({"centre manager"}) | ADMIN,
    # Everybody has sessions and keys of their own; these are the professional's.
    "POST /me/sessions/{session_id}/end": frozenset({"professional"}),
    "POST /me/keys/{key_id}/name": frozenset({"professional"}),
    "POST /me/keys/{key_id}/remove": frozenset({"professional"}),
    "POST /me/openid/{identity_id}/unlink": frozenset({"professional"}),
    # The professional's; also whoever could end that account.
    "POST /tokens/{token_id}/revoke": frozenset({"professional", "centre manager"}) | ADMIN,
}
"""Addresses that let in fewer people than their permission: the reason stands beside each."""

ABOUT_THE_CASE = {
    *("patient_id", "consent_id", "case_id", "request_id", "panel_id", "attachment_id"),
    *("access_id", "ern_id", "person_id", "recovery_id", "grant_id"),
    *("glass_id", "transfer_id", "orphan_id", "gone_id", "follow_up_id", "question_id"),
}
Contents = dict[str, list[dict[str, Any]]]
"""Table → its rows."""
STAGES: tuple[Until, ...] = ("draft", "submitted", "assessment", "outcome", "sign_off", "signed")


class Matrix:
    """One world in one store, which is put back after every act that succeeds."""

    def __init__(self, site: TestSite, until: Until) -> None:
        self.site = site
        self.world = World(site, until)
        self.world.values["key"] = "test.letter"
        self._store = Path(str(site.engine.url.database))
        self._kept = self._store.with_suffix(".kept")
        self._list_plugins()
        self._checkpoint()
        shutil.copyfile(self._store, self._kept)
        self._kept_files = {path: path.read_bytes() for path in self._file_paths()}
        self._kept_events = self._events = self.audit()
        self._expected = self._what_is_expected()

    def _what_is_expected(self) -> Expected:
        with self.site.transaction() as session:
            return Expected(
                case_id=as_hex(self.world.values["case_id"]),
                patient_id=as_hex(self.world.values["patient_id"]),
                hcp_id=factories.hcp_id(session, HOME).hex,
                ern_id=ERN,
            )

    def routes(self) -> Iterator[tuple[str, Route, Attempt]]:
        for owner, route in self.site.live.registry.routes:
            name = name_of(owner, route)
            attempt = ATTEMPTS.get(name, Attempt())
            if attempt.until == self.world.until and name not in PUBLIC:
                yield name, route, attempt

    def problems(self, people: Iterable[str] = NAMES, only: str = "") -> Iterator[str]:
        """Everything that is not as the tables say; `only` looks at one permission."""
        for name, route, attempt in self.routes():
            if only and route.permission != only:
                continue
            yield from self._judge(name, route, attempt, people)

    def send(
        self,
        name: str,
        attempt: Attempt,
        person: str,
        values: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The request of the table, by this person."""
        method, path = self.address(name, attempt, values)
        browser = self.world[person]
        # A page that was shown says something once; that must not be mistaken for a difference.
        browser.cookies = {key: one for key, one in browser.cookies.items() if key == "cpms"}
        self.site.live.limiter.clear()
        token = dict(browser.cookies)
        if method == "GET":
            answer = browser.get(path, headers=dict(headers or {}))
        else:
            options = dict(attempt.options)
            options["headers"] = {**options.get("headers", {}), **(headers or {})}
            answer = browser.post(path, dict(attempt.form_for(self.world)), **options)
        browser.cookies = token
        return answer

    def address(
        self, name: str, attempt: Attempt, values: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        method, _, path = name.partition(" ")
        known = {**self.world.values, **attempt.values, **(values or {})}
        if path.startswith("/x/dicom_viewer/"):
            known["attachment_id"] = str(self.world.image.id)
        known |= values or {}
        wanted = re.findall(r"\{(\w+)\}", path)
        missing = set(wanted) - known.keys()
        assert not missing, f"{name}: give the world a value for {missing}"
        return method, path.format(**known) + attempt.query

    def _list_plugins(self) -> None:
        self.site.live.site.plugins_file.write_text('enabled = ["reporting"]\n')

    def restore(self) -> None:
        self._list_plugins()
        self.site.engine.dispose()
        for suffix in ("-wal", "-shm"):
            Path(f"{self._store}{suffix}").unlink(missing_ok=True)
        shutil.copyfile(self._kept, self._store)
        for path in set(self._file_paths()) - self._kept_files.keys():
            path.unlink()
        for path, content in self._kept_files.items():  # an erased patient's are gone
            path.write_bytes(content)
        self._events = self._kept_events

    def contents(self) -> Contents:
        """Every file, and every row but the audit's and the touches that `Browser` gives by itself.

        When a session was last seen does not count as a change.
        """
        with sqlite3.connect(self._store) as store:
            store.row_factory = sqlite3.Row
            tables = [
                name
                for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type='table'")
                if name not in {"audit_event", "step_up"}
            ]
            found = {
                name: [_kept(row) for row in store.execute(f'SELECT * FROM "{name}"')]  # noqa: S608 - names of our own tables
                for name in tables
            }
        store.close()
        return found | {"files": [{path.name: path.stat().st_size} for path in self._file_paths()]}

    def _file_paths(self) -> list[Path]:
        return sorted(path for path in self.site.live.files.root.rglob("*") if path.is_file())

    def _judge(
        self, name: str, route: Route, attempt: Attempt, people: Iterable[str]
    ) -> Iterator[str]:
        """First who is refused, for they must leave everything as it was."""
        may = allowed(name, route)
        stored = self.contents() if route.method == "POST" else None
        for person in [one for one in people if one not in may]:
            answer, events = self._noted(name, attempt, person)
            for problem in (
                *_judge_denial(route, answer, _tags(events), person),
                *self._wrong_fields(name, route, person, events),
            ):
                yield f"{name} as {person}: {problem}"
        if stored is not None and stored != self.contents():
            yield f"{name}: somebody was refused, but something was changed"
            self.restore()
        if self.audit() != self._events:
            yield f"{name}: somebody was refused, but an event of before was changed"
        for person in [one for one in people if one in may]:
            answer, events = self._noted(name, attempt, person)
            for problem in (
                *_judge_success(route, attempt, answer, _tags(events)),
                *self._wrong_fields(name, route, person, events),
            ):
                yield f"{name} as {person}: {problem}"
            if route.method == "POST":
                self._ensure_audit_only_grew(name, person)
                self.restore()

    def _ensure_audit_only_grew(self, name: str, person: str) -> None:
        assert self.audit() == self._events, f"{name} as {person} changed the audit"

    def _noted(self, name: str, attempt: Attempt, person: str) -> tuple[Response, list[Row]]:
        """The answer, and the events that the audit has of it."""
        self._began_at = clock.now()
        answer = self.send(name, attempt, person)
        events = self.audit(after=len(self._events))
        self._events = [*self._events, *events]
        return answer, events

    def _wrong_fields(
        self, name: str, route: Route, person: str, events: list[Row]
    ) -> Iterator[str]:
        """Of the one event that was declared, or of the denial."""
        declared = {str(event) for event in (route.event, route.or_event, Event.DENIED) if event}
        for event in events:
            if event["tag"] in declared and person != "anonymous":
                actor = self.world[person].actor
                yield from wrong_fields(event, actor, self._expected, name, self._began_at)

    def audit(self, after: int = 0) -> list[Row]:
        """Its events, without so many of the first."""
        with sqlite3.connect(self._store) as store:
            store.row_factory = sqlite3.Row
            rows = store.execute(
                "SELECT e.*, s.user_id AS session_user_id FROM audit_event e"
                " LEFT JOIN session s ON s.id = e.session_id ORDER BY e.rowid LIMIT -1 OFFSET ?",
                (after,),
            )
            events: list[Row] = [dict(row) for row in rows]
        store.close()
        return events

    def _checkpoint(self) -> None:
        self.site.engine.dispose()
        with sqlite3.connect(self._store) as store:
            store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        store.close()


def _kept(row: sqlite3.Row) -> dict[str, Any]:
    values = dict(row)
    values.pop("last_seen_at", None)
    return values


def allowed(name: str, route: Route) -> frozenset[str]:
    """By the tables above; a permission that they do not know is a failure of the review."""
    if name in MAY_HERE:
        return MAY_HERE[name]
    is_about_the_case = ABOUT_THE_CASE & set(re.findall(r"\{(\w+)\}", plain(route.path)))
    table = MAY_WITH_THIS_CASE if is_about_the_case else MAY_SOMEWHERE
    assert route.permission in table, f"{name}: who may {route.permission}? Say so in the table."
    return table[route.permission]


def _tags(events: list[Row]) -> list[str]:
    return [event["tag"] for event in events]


def _judge_success(
    route: Route, attempt: Attempt, answer: Response, tags: list[str]
) -> Iterator[str]:
    if answer.status_code not in attempt.status:
        sentence = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2]))
        yield f"answered {answer.status_code}, {(sentence or answer.text)[:300]}"
        return
    if answer.status_code >= 400:  # what the table sends is refused, but not for who sends it
        return
    expected = {str(event) for event in (route.event, route.or_event) if event}
    found = [tag for tag in tags if tag in expected]
    if len(found) != bool(expected):
        yield f"recorded {tags}, declared {expected}"
    if not expected and tags:
        yield f"recorded {tags}, though it declares none"


def _judge_denial(route: Route, answer: Response, tags: list[str], person: str) -> Iterator[str]:
    if person == "anonymous":
        is_sent_to_sign_in = route.method == "GET" and answer.status_code == 303
        if is_sent_to_sign_in and not answer.headers["location"].startswith("/sign-in"):
            yield f"sent to {answer.headers['location']}"
        if not is_sent_to_sign_in and answer.status_code != 401:
            yield f"let in with {answer.status_code}"
        if tags:
            yield f"recorded {tags}"
        return
    if answer.status_code not in {403, 404}:
        yield f"let in with {answer.status_code}"
    if tags != ["site:access:denied"]:
        yield f"recorded {tags} instead of one denial"
