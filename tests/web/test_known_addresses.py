"""Nobody who is not signed in finds out whether an address has an account: not by any answer.

By how long an answer takes, see `./cpms bench security`.
"""

import re
from base64 import urlsafe_b64decode
from typing import Any

import pytest
from httpx import Response

from cpms_core.clock import clock
from tests import factories
from tests.site import ORIGIN, TestSite
from tests.softkey import SoftKey
from tests.web.key_person import EMAIL, Person

SHAPES = {(16,), (48,), (64,), (64, 64), (20, 128), (32, 48, 64)}
"""How long the keys of somebody are: makers give them ids of their own length."""
ADDRESSES = (
    "nobody@example.org",
    "disabled@example.org",
    "keyless@example.org",
    "x" * 250 + "@y.z",
)
"""Unknown, or known and of no use for signing in."""


@pytest.fixture
def known(site: TestSite) -> Person:
    with site.transaction() as session:
        gone = factories.make_user(session, email="disabled@example.org", disabled_at=clock.now())
        factories.make_key(session, gone)
        factories.make_user(session, email="keyless@example.org")
    return Person(site)


def offered(site: TestSite, email: str) -> list[bytes]:
    site.live.limiter.clear()
    answer = site.browser().post("/sign-in/begin", json={"email": email})
    keys = answer.json()["publicKey"]["allowCredentials"]
    return [urlsafe_b64decode(key["id"] + "==") for key in keys]


def shape(keys: list[bytes]) -> tuple[int, ...]:
    return tuple(len(key) for key in keys)


def people_of_every_shape(site: TestSite) -> None:
    with site.transaction() as session:
        for number, lengths in enumerate(sorted(SHAPES) * 4):
            user = factories.make_user(session, email=f"known{number}@example.org")
            for length in lengths:
                key = SoftKey(ORIGIN).credential_id
                factories.make_key(session, user, credential_id=(key * 4)[:length])


def test_the_keys_of_an_unknown_address_look_like_somebodys(site: TestSite) -> None:
    people_of_every_shape(site)
    found = {shape(offered(site, f"known{number}@example.org")) for number in range(24)}
    decoys = [offered(site, f"nobody{number}@example.org") for number in range(40)]
    assert found == SHAPES
    assert len({shape(keys) for keys in decoys}) > 2
    assert {shape(keys) for keys in decoys} <= SHAPES
    assert len({key for keys in decoys for key in keys}) == sum(map(len, decoys))
    again = [offered(site, f"NOBODY{number}@example.org ") for number in range(40)]
    assert again == decoys, "whoever asks twice sees what a person with these keys would give"


def test_who_only_joined_cannot_see_which_keys_follow_the_own(site: TestSite) -> None:
    with site.transaction() as session:
        user = factories.make_user(session, role=None, email="joined@example.org")
        factories.make_key(session, user, credential_id=b"k" * 99)
    assert shape(offered(site, "joined@example.org")) == (99,)
    assert shape(offered(site, "nobody@example.org")) == (64,)


NO_ANSWER: dict[str, Any] = {"credential": {"id": "AA"}}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_step_of_signing_in_tells_whether_the_address_is_known(
    site: TestSite, known: Person, address: str
) -> None:
    for_known, for_other = ({"email": one} for one in (known.email, address))
    begun = [site.browser().post("/sign-in/begin", json=one) for one in (for_known, for_other)]
    assert alike(begun[0]) == alike(begun[1])
    answers = [{"ceremony": one.json()["ceremony"], **NO_ANSWER} for one in begun]
    ended = [site.browser().post("/sign-in/finish", json=one) for one in answers]
    assert ended[0].status_code == 422
    assert alike(ended[0]) == alike(ended[1])


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize("path", ["/recover", "/join/begin"])
def test_neither_recovering_nor_joining_tells_it(
    site: TestSite, known: Person, path: str, address: str
) -> None:
    forms = [{"email": one, "name": "Dr New", "code": "AAAA"} for one in (known.email, address)]
    is_json = path.startswith("/join")
    sent = [{"json": form} if is_json else {"data": form} for form in forms]
    answers = [site.browser().post(path, **one) for one in sent]
    assert answers[0].status_code == 200
    assert alike(answers[0]) == alike(answers[1])


def alike(answer: Response) -> tuple[int, dict[str, str], str]:
    """Without the typed address, and with the length of what is random at every answer."""
    own = {"date", "content-length"}
    headers = {name: _masked(value) for name, value in answer.headers.items() if name not in own}
    return answer.status_code, headers, _masked(answer.text)


def _masked(text: str) -> str:
    typed = "|".join(map(re.escape, (EMAIL, *ADDRESSES)))
    return re.sub(r"[\w-]{22,}", lambda found: f"<{len(found[0])}>", re.sub(typed, "<typed>", text))
