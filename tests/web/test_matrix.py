"""Every route, and everybody around one case: who is let in, what is recorded, what is changed."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from httpx import Response

from cpms_core import access
from cpms_core.access import Standing
from cpms_core.declarations import Route
from cpms_core.http.site import LiveSite
from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import (
    ABOUT_THE_CASE,
    MAY_HERE,
    MAY_SOMEWHERE,
    MAY_WITH_THIS_CASE,
    PUBLIC,
    STAGES,
    Contents,
    Matrix,
    allowed,
)
from tests.web.world import Until

PEOPLE = ("guest", "coordinator", "lead", "professional", "without a role")
STRANGERS = frozenset({"professional elsewhere", "system administrator", "removed from the panel"})


@pytest.mark.parametrize("until", STAGES)
def test_everybody_gets_in_where_the_table_says_and_nowhere_else(
    quick_site: TestSite, until: Until
) -> None:
    matrix = Matrix(quick_site, until)
    before = matrix.contents()
    problems = list(matrix.problems())
    assert not problems, "\n".join(problems)
    assert before == matrix.contents(), "reading changed something"


def test_every_route_declares_what_it_needs_and_is_in_a_table(live_site: LiveSite) -> None:
    for owner, route in live_site.registry.routes:
        name = name_of(owner, route)
        assert route.permission in {*access.PERMISSIONS, *live_site.plugin_permissions}, name
        if name in PUBLIC:
            assert route.permission == "site.enter", f"{name} need not be on the public list"
            continue
        assert route.permission != "site.enter", f"{name} is public and not on the public list"
        assert allowed(name, route)
        if route.method == "POST":
            assert name in ATTEMPTS, f"{name}: say in tests/web/attempts.py what to send to it"
            assert route.event or name.endswith("/check"), f"{name} changes something unrecorded"


def test_the_lists_name_no_route_that_is_gone(live_site: LiveSite) -> None:
    names = {name_of(owner, route) for owner, route in live_site.registry.routes}
    assert not {*PUBLIC, *ATTEMPTS, *MAY_HERE} - names


def test_a_foreign_id_is_answered_like_one_that_never_was(quick_site: TestSite) -> None:
    matrix = Matrix(quick_site, "sign_off")
    random = {key: str(uuid4()) for key, one in matrix.world.values.items() if _is_id(one)}
    for name, route, attempt in _all_routes(matrix):
        if not ABOUT_THE_CASE & set(re.findall(r"\{(\w+)\}", name)):
            continue
        for person in STRANGERS - allowed(name, route):
            foreign = matrix.send(name, attempt, person)
            unknown = matrix.send(name, attempt, person, random)
            assert foreign.status_code == unknown.status_code, f"{name} as {person}"
            assert _without_nonce(foreign) == _without_nonce(unknown), f"{name} as {person}"


def test_nothing_is_done_without_the_right_token_from_the_own_pages(
    quick_site: TestSite,
) -> None:
    matrix = Matrix(quick_site, "sign_off")
    foreign = matrix.world["guest"].csrf
    before = matrix.contents()
    attacks: list[dict[str, str]] = [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": foreign},
        {"X-CSRF-Token": "é" * 40},
        {"X-CSRF-Token": "x" * 100_000},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8000.evil.example"},
        {"Origin": "http://localhost"},
    ]
    for name, route, attempt in _all_routes(matrix):
        person = min(allowed(name, route), default="")
        if route.method != "POST" or not person:
            continue
        for headers in attacks:
            sent = {key: value.encode("latin-1") for key, value in headers.items()}
            answer = matrix.send(name, attempt, person, headers=sent)  # type: ignore[arg-type]  # bytes, for what is no ASCII
            assert answer.status_code == 403, f"{name} with {headers}"
        # A form of another site can have this type, and a sibling host can toss a cookie.
        plain = {"X-CSRF-Token": "", "Content-Type": "text/plain"}
        assert matrix.send(name, attempt, person, headers=plain).status_code in {403, 422}, name
        cookies = "; ".join(f"cpms={matrix.world[one].token}" for one in (person, "observer"))
        tossed = {"X-CSRF-Token": foreign, "Cookie": cookies}
        assert matrix.send(name, attempt, person, headers=tossed).status_code == 401, name
    assert matrix.contents() == before


TELLING = frozenset(
    {
        *("hcp_id", "ern_id", "role", "state", "stage", "kind", "standing", "urgency", "verdict"),
        *("author_id", "created_by", "recorded_by", "added_by", "submitted_by", "lead_id"),
        *("invited_by", "granted_by", "user_id", "case_id", "patient_id", "held", "email"),
    }
)


@pytest.mark.parametrize("until", STAGES)
def test_fields_that_no_form_has_change_nothing(quick_site: TestSite, until: Until) -> None:
    matrix = Matrix(quick_site, until)
    stranger = str(matrix.world.id_of("guest"))
    rows = [row for rows in matrix.contents().values() for row in rows]
    known = frozenset(one for row in rows for one in row.values() if isinstance(one, str))
    extra = {name: stranger for name in TELLING if name.endswith(("_id", "_by"))}
    extra |= {"role": "system_admin", "state": "signed", "stage": "closed", "kind": "care"}
    extra |= {"held": "", "email": "evil@example.org", "row_version": "99", "id": stranger}
    extra |= {"created_at": "2000-01-01", "is_admin": "true", "standing": "lead"}
    for name, route, attempt in matrix.routes():
        if route.method != "POST" or attempt.options:
            continue
        person = min(allowed(name, route))
        form = attempt.form_for(matrix.world)
        matrix.send(name, attempt, person)
        plain = telling(matrix.contents(), known)
        matrix.restore()
        more = msgspec.structs.replace(attempt, form={**extra, **form})
        answer = matrix.send(name, more, person)
        assert answer.status_code in attempt.status, f"{name}: {answer.status_code}"
        assert telling(matrix.contents(), known) == plain, name
        matrix.restore()


def telling(contents: Contents, known: frozenset[str]) -> dict[str, Counter[Any]]:
    """Of every table how often who owns what in which state; ids that are new count as one."""

    def told(value: Any) -> Any:
        is_new = isinstance(value, str) and re.fullmatch("[0-9a-f]{32}", value)
        return "new" if is_new and value not in known else value

    return {
        table: Counter(
            tuple(told(value) for name, value in row.items() if name in TELLING) for row in rows
        )
        for table, rows in contents.items()
    }


@pytest.mark.parametrize("until", STAGES)
def test_the_matrix_sees_it_when_a_permission_lets_in_everybody(
    quick_site: TestSite, monkeypatch: pytest.MonkeyPatch, until: Until
) -> None:
    matrix = Matrix(quick_site, until)
    # Who reads an outcome is who knows of its case: the one guard stands behind the other.
    behind = {"outcome.read": "case.summary", "people.recover": "people.read"}
    # Whoever works somewhere may offer; whom an area tells of this case, the service looks up.
    open_to_all = {"site.use", "audit.read", "panel.offer"}
    unseen = []
    for permission in sorted(_first_seen(quick_site, until) - open_to_all):
        together = {permission, behind.get(permission, permission)}
        widened = {**access.PERMISSIONS, **dict.fromkeys(together, frozenset({Standing.SIGNED_IN}))}
        with monkeypatch.context() as patched:
            patched.setattr(access, "PERMISSIONS", widened)
            if next(matrix.problems(PEOPLE, only=permission), None) is None:
                unseen.append(permission)
        matrix.restore()
    assert not unseen


def test_the_matrix_sees_it_when_nobody_is_refused_any_more(
    quick_site: TestSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = Matrix(quick_site, "assessment")
    everybody = {key: frozenset({Standing.SIGNED_IN}) for key in access.PERMISSIONS}
    monkeypatch.setattr(access, "PERMISSIONS", everybody)
    found = islice(matrix.problems(("professional elsewhere",)), 10)
    assert len(list(found)) == 10


def _all_routes(matrix: Matrix) -> Iterator[tuple[str, Route, Attempt]]:
    for owner, route in matrix.site.live.registry.routes:
        name = name_of(owner, route)
        if name not in PUBLIC:
            yield name, route, ATTEMPTS.get(name, Attempt())


def _first_seen(site: TestSite, until: Until) -> set[str]:
    """The permissions in the tables whose first route belongs to this stage."""
    first: dict[str, Until] = {}
    for owner, route in site.live.registry.routes:
        attempt = ATTEMPTS.get(name_of(owner, route), Attempt())
        first.setdefault(route.permission, attempt.until)
    known = MAY_WITH_THIS_CASE.keys() | MAY_SOMEWHERE.keys()
    return {permission for permission in known if first.get(permission) == until}


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _without_nonce(answer: Response) -> str:
    """Nor the seconds that are left, which pass between two answers."""
    return re.sub(r'nonce="[^"]*"|data-session-ends="\d+"', "", answer.text)
