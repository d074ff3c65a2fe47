"""An answer serves once, for what was asked, for whom it was asked; a key is one person's."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import func, select

from cpms_core.clock import clock
from cpms_core.identity.models import SecurityKey, SignInSession, StepUp, User
from cpms_core.identity.own_keys import ADD
from cpms_core.identity.people import new_ticket
from tests import factories
from tests.site import ORIGIN, Browser, TestSite
from tests.softkey import SoftKey
from tests.web.key_person import EMAIL, Person

ASSERTIONS = ("sign in", "step up")
KINDS = (*ASSERTIONS, "add a key", "open a link", "join")
JOINING = {"name": "Dr Nadia Berger", "email": "nadia@example.org"}


class Ceremonies:
    """Ana, who is signed in, touched her key to add another one; and a link for Eva."""

    def __init__(self, site: TestSite) -> None:
        self.site, self.ana = site, Person(site)
        self.browser = self.ana.sign_in()
        self.browser.post("/me/keys/add")
        with site.transaction() as session:
            self.eva = factories.make_user(session, email="eva@example.org", name="Eva")
            ticket = new_ticket(session, site.live.key, self.eva, created_by=None)
        self.link, self.code = f"/enrol/{ticket.token}", ticket.code

    def begin(self, kind: str) -> dict[str, Any]:
        who, path = self._place(kind)
        begun = who.post(f"{path}/begin", json=self._typed(EMAIL))
        assert begun.status_code == 200, begun.text
        given: dict[str, Any] = begun.json()
        return given

    def credential(self, kind: str, options: dict[str, Any], key: SoftKey | None = None) -> Any:
        if kind in ASSERTIONS:
            return (key or self.ana.key).sign_in(options)
        return (key or SoftKey(ORIGIN)).enrol(options)

    def finish(self, kind: str, ceremony: str, credential: Any, **more: Any) -> Response:
        who, path = self._place(kind)
        answer = self._typed(EMAIL) | {"ceremony": ceremony, "credential": credential} | more
        return who.post(f"{path}/finish", json=answer)

    def _typed(self, email: str) -> dict[str, Any]:
        return {**JOINING, "email": email, "code": self.code, "_act": ADD, "_subject": ""}

    def _place(self, kind: str) -> tuple[Browser, str]:
        self.site.live.limiter.clear()
        if kind == "step up":
            return self.browser, "/step-up"
        if kind == "add a key":
            return self.browser, "/me/keys"
        paths = {"sign in": "/sign-in", "open a link": self.link, "join": "/join"}
        return self.site.browser(), paths[kind]

    def rows(self) -> list[int]:
        """Keys, sessions and touches there are."""
        with self.site.transaction() as session:
            tables = (SecurityKey, SignInSession, StepUp, User)
            return [session.scalar(select(func.count()).select_from(one)) or 0 for one in tables]

    def owner_of(self, key: SoftKey) -> str:
        with self.site.transaction() as session:
            owner = select(User.email).join(SecurityKey, SecurityKey.user_id == User.id)
            of_key = SecurityKey.credential_id == key.credential_id
            return session.scalars(owner.where(of_key)).one()


@pytest.fixture
def they(quick_site: TestSite) -> Ceremonies:
    return Ceremonies(quick_site)


def test_an_answer_serves_only_what_was_asked(they: Ceremonies) -> None:
    """Also one that is made as the other place wants it, over this place's challenge."""
    before = they.rows()
    for asked, tried in permutations(KINDS, 2):
        for is_made_to_fit in (False, True):
            given = they.begin(asked)
            kind, options = asked, given["publicKey"]
            if is_made_to_fit:
                challenge = options["challenge"]
                kind = tried
                options = they.begin(tried)["publicKey"] | {"challenge": challenge}
            credential = they.credential(kind, options)
            refused = they.finish(tried, given["ceremony"], credential)
            assert refused.status_code == 422, f"{asked} → {tried}: {refused.text}"
            right = they.credential(asked, given["publicKey"])
            late = they.finish(asked, given["ceremony"], right)
            assert late.status_code == 422, f"{asked} is open after a try as {tried}"
    assert they.rows() == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_serves_once_and_for_five_minutes(they: Ceremonies, kind: str) -> None:
    given = they.begin(kind)
    credential = they.credential(kind, given["publicKey"])
    clock.offset += timedelta(minutes=5, seconds=1)
    assert they.finish(kind, given["ceremony"], credential).status_code in {403, 422}
    clock.offset = timedelta()
    given = they.begin(kind)
    credential = they.credential(kind, given["publicKey"])
    assert they.finish(kind, given["ceremony"], credential).status_code == 200
    before = they.rows()
    replayed = they.finish(kind, given["ceremony"], credential)
    assert replayed.status_code in {403, 404, 422}, replayed.text
    assert they.rows() == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ASSERTIONS])
def test_a_key_that_is_somebodys_is_nobody_elses(they: Ceremonies, kind: str) -> None:
    """The same id on a key of one's own: whoever was first keeps it."""
    copy = SoftKey(ORIGIN, credential_id=they.ana.key.credential_id)
    given = they.begin(kind)
    before = they.rows()
    credential = they.credential(kind, given["publicKey"], copy)
    refused = they.finish(kind, given["ceremony"], credential)
    assert refused.status_code == 422
    assert they.rows() == before
    assert they.owner_of(copy) == EMAIL
    assert they.ana.sign_in().get("/me").status_code == 200


def test_whose_key_it_becomes_is_not_what_the_browser_says(they: Ceremonies) -> None:
    key = SoftKey(ORIGIN)
    given = they.begin("open a link")
    options = given["publicKey"]
    options["user"]["id"] = they.begin("add a key")["publicKey"]["user"]["id"]
    claimed = {"user_id": str(they.ana.user_id), "user": EMAIL, "email": EMAIL}
    done = they.finish("open a link", given["ceremony"], key.enrol(options), **claimed)
    assert done.status_code == 200
    assert they.owner_of(key) == "eva@example.org"


Change = Callable[[dict[str, Any]], dict[str, Any]]
CHANGES: dict[str, Change] = {
    "another owner in the answer": lambda one: {
        **one,
        "response": {**one["response"], "userHandle": "A" * 22},
    },
    "an id of 5000 bytes": lambda one: {**one, "id": "A" * 6667, "rawId": "A" * 6667},
    "an id of nobody": lambda one: {**one, "id": "AAAA", "rawId": "AAAA"},
    "two ids": lambda one: {**one, "rawId": "AAAA"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_an_answer_that_names_another_owner_or_key_signs_nobody_in(
    they: Ceremonies, what: str
) -> None:
    before = they.rows()
    given = they.begin("sign in")
    credential = CHANGES[what](they.credential("sign in", given["publicKey"]))
    assert they.finish("sign in", given["ceremony"], credential).status_code == 422
    assert they.rows() == before
    assert they.ana.sign_in().get("/me").status_code == 200
