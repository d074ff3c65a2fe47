"""The headers of every answer: what no browser may keep, frame, run or tell others."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from httpx import Response

from tests.site import TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, allowed
from tests.web.world import World

EVERYWHERE = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
UNWANTED = ("server", "etag", "x-powered-by")
FORBIDDEN = ("'unsafe-inline'", "'unsafe-eval'", "http:", "https:", "*")


@pytest.fixture
def world(quick_site: TestSite) -> World:
    return World(quick_site, "sign_off")


def answers(world: World) -> Iterator[tuple[str, Response]]:
    """Each page as somebody who may see it, as one who may not, and as a stranger."""
    for owner, route in world.registry.routes:
        name = name_of(owner, route)
        attempt = ATTEMPTS.get(name, Attempt())
        values = {**world.values, "token": "t", "key": "test.letter", **attempt.values}
        path = name.partition(" ")[2].format(**values) + attempt.query
        people = ["anonymous"] if name in PUBLIC else [min(allowed(name, route)), "guest"]
        for person in {*people, "anonymous"}:
            world.site.live.limiter.clear()
            for headers in ({}, {"HX-Request": "true"}, {"Accept": "application/json"}):
                if route.method == "GET":
                    yield f"{name} as {person}", world[person].get(path, headers=headers)
                else:
                    token = {"X-CSRF-Token": "none", **headers}
                    yield f"{name} as {person}", world[person].post(path, headers=token)


WHO = ("Zdeňka", "Zdenka", quote("Zdeňka"), "Malá", quote("Malá"), "2019-05-17")
"""Who the patient is. Only the page that reveals it says so, and nobody asks for that here."""


def test_every_answer_carries_every_header_and_tells_nobody_who_the_patient_is(
    world: World,
) -> None:
    wrong = []
    nonces: set[str] = set()
    for what, answer in answers(world):
        headers = answer.headers
        wrong += [
            f"{what}: {answer.status_code} {name}={headers.get(name)}"
            for name, value in EVERYWHERE.items()
            if headers.get(name) != value
        ]
        wrong += [f"{what}: {problem}" for problem in policy_problems(answer, nonces)]
        everything = f"{headers} {answer.text}"
        wrong += [f"{what}: it names {one}" for one in WHO if one in everything]
        wrong += [
            f"{what}: {name}" for name in ("server", "etag", "x-powered-by") if name in headers
        ]
        if (
            len(headers.get_list("content-type")) != 1
            or headers["content-type"].count("charset") > 1
        ):
            wrong.append(f"{what}: content-type {headers.get_list('content-type')}")
    assert not wrong, "\n".join(wrong[:40])
    assert len(nonces) > 50


def policy_problems(answer: Response, nonces: set[str]) -> Iterator[str]:
    """Of the content security policy, and of what the page does that it would forbid."""
    policy = answer.headers.get("content-security-policy", "")
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    if directives.get("default-src") != "'none'":
        yield f"policy {policy!r}"
        return
    yield from (f"{word} in {policy}" for word in FORBIDDEN if word in policy)
    if "sandbox" in directives:
        return
    for directive in ("object-src", "base-uri", "frame-ancestors"):
        if directives.get(directive) != "'none'":
            yield f"{directive} is {directives.get(directive)}"
    if directives.get("form-action") != "'self'":
        yield "forms may go elsewhere"
    found = re.findall(r"'nonce-([^']+)'", policy)
    if found and found[0] in nonces:
        yield "a nonce twice"
    nonces |= set(found)
    if answer.headers["content-type"].startswith("text/html"):
        yield from page_problems(answer.text, found[0] if found else "")


def page_problems(page: str, nonce: str) -> Iterator[str]:
    for tag in re.findall(r"<script\b[^>]*>", page):
        if 'type="application/json"' not in tag and f'nonce="{nonce}"' not in tag:
            yield f"a script without the nonce: {tag}"
    yield from (f"inline handler {one}" for one in re.findall(r"<[^>]+\son\w+=[^>]*>", page))
    yield from (f"inline style {one}" for one in re.findall(r"<[^>]+\sstyle=[^>]*>", page))
    yield from (
        f"elsewhere: {one}" for one in re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*', page)
    )
    if re.search(r"javascript:|data:text/html", page):
        yield "a script in an address"


def test_a_stored_file_can_run_nothing_on_our_origin(world: World) -> None:
    clinician = world["professional"]
    case, photo = world.values["case_id"], world.values["attachment_id"]
    for path in (
        f"/cases/{case}/files/{photo}",
        f"/cases/{case}/files/{world.image.id}",
        f"/cases/{case}/export.json",
        f"/cases/{case}/export.csv",
        f"/cases/{case}/exports/test.letter",
        f"/x/dicom_viewer/cases/{case}/files/{world.image.id}",
    ):
        send = clinician.post if "/export" in path else clinician.get
        answer = send(path)
        assert answer.status_code == 200, path
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not answer.headers["content-type"].startswith("text/html")
        disposition = answer.headers.get("content-disposition", "")
        assert re.fullmatch(r"(attachment; filename\*=UTF-8''[\w.%-]+)?", disposition), disposition


def test_the_session_cookie_is_for_this_site_and_no_script(quick_site: TestSite) -> None:
    own = quick_site.person()
    line = own.post("/sign-out").headers["set-cookie"].lower()
    assert "httponly" in line and "samesite=lax" in line and "path=/" in line
    assert "domain" not in line


def test_signing_out_clears_what_the_browser_holds(quick_site: TestSite) -> None:
    answer = quick_site.person().post("/sign-out")
    assert '"storage"' in answer.headers["clear-site-data"]
    assert '"cache"' in answer.headers["clear-site-data"]


def test_strangers_get_no_cookie_and_leave_no_row(quick_site: TestSite) -> None:
    stranger = quick_site.browser()
    for path in ("/", "/sign-in", "/centre", "/nowhere", "/health", "/enrol/nothing"):
        assert "set-cookie" not in stranger.get(path).headers
    assert quick_site.events() == []
