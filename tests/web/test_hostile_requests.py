"""What nobody honest sends, to every address: a plain refusal, never a fault of ours, never a wait.

Each route is asked as somebody whom it lets in, so that what is sent reaches its handler.
"""

import json
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import product
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from httpx import Response

from cpms_core.declarations import Route
from cpms_core.errors import TooManyError
from tests.site import Browser, TestSite
from tests.web.attempts import ATTEMPTS, Attempt, name_of
from tests.web.matrix import PUBLIC, allowed
from tests.web.queries import noting_queries
from tests.web.world import World

LONGEST_WORK = 2.0
"""Seconds of this process's own time, which a busy machine does not change."""
TEXTS = {
    "NUL": "%00",
    "NUL inside": "a%00b",
    "half a surrogate": "%ED%A0%80",
    "no UTF-8": "%ff%fe",
    "overlong": "%c0%af",
    "line ends": "x%0d%0aSet-Cookie:%20cpms=evil",
    "separators": "%E2%80%A8%E2%80%A9%C2%85",
    "right to left": "%E2%80%AEgpj.exe",
    "SQL": "'%3B DROP TABLE patient;--".replace(" ", "+"),
    "wildcards": "%25_%25%5C",
    "full text": "%22*+NEAR(+-+OR+AND+NOT",
    "template": "%7B%7B7*7%7D%7D%24%7B7%7D%25s%7B0.__class__%7D",
    "huge number": "9" * 400,
    "negative": "-1",
    "NaN": "NaN",
    "infinite": "1e999",
    "far date": "99999-12-31",
    "old date": "0000-00-00",
    "path": "..%2f..%2f..%2fetc%2fpasswd",
    "JSON": "%5B%7B%22a%22%3A1%7D%5D",
}
QUERIES = (
    *("NUL inside", "half a surrogate", "SQL", "full text", "huge number", "negative"),
    *("NaN", "far date", "line ends"),
)
ENGINE_MATTERS = ("NUL", "NUL inside", "half a surrogate", "huge number", "far date", "SQL")
"""What one database may take and the other refuse; SQLite is asked with everything."""
LONG = "x" * 1_000_000
SOME = frozenset(
    {
        *(
            "POST /sign-in/begin",
            "POST /cases/{case_id}/files",
            "POST /patients/{patient_id}/cases",
        ),
        *("POST /cases/{case_id}/records/{dataset}", "GET /", "GET /search", "GET /people"),
    }
)
"""What the kernel judges is judged alike for all of them, so these stand for the others."""


class Visits:
    def __init__(self, site: TestSite, world: World) -> None:
        self.site = site
        self.world = world
        self.faults: list[str] = []

    def routes(self, method: str) -> Iterator[tuple[str, Route, Attempt, Browser]]:
        for owner, route in self.site.live.registry.routes:
            name = name_of(owner, route)
            if route.method != method:
                continue
            people = ["anonymous"] if name in PUBLIC else sorted(allowed(name, route))
            browser = self.world[people[0]]
            if people[0] != "anonymous":
                browser = self.site.sign_in_again(browser.actor.user_id)
            yield name, route, ATTEMPTS.get(name, Attempt()), browser

    def path(self, name: str, attempt: Attempt, /, **changes: str) -> str:
        values = {**self.world.values, "token": "t", "key": "k", **attempt.values}
        return name.partition(" ")[2].format(**(values | changes))

    @property
    def texts(self) -> Mapping[str, str]:
        is_sqlite = self.site.engine.dialect.name == "sqlite"
        return TEXTS if is_sqlite else {key: TEXTS[key] for key in ENGINE_MATTERS}

    def query_keys(self, what: str, browser: Browser, path: str) -> list[str]:
        """What the page looks for in the query; with what it found it may look for more."""
        known: set[str] = set()
        with noting_queries() as asked:
            self.get(what, browser, path)
            while asked - known:
                known = set(asked)
                self.get(what, browser, f"{path}?{'&'.join(f'{key}=1' for key in sorted(known))}")
        return sorted({*known, "page"})

    def expect_refusal(self, what: str, answer: Response, seconds: float) -> None:
        is_fault = answer.status_code >= 500 or "Traceback" in answer.text
        if is_fault or seconds > LONGEST_WORK:
            self.faults.append(f"{what}: {answer.status_code} after {seconds:.1f} s")
        if "set-cookie" in answer.headers and "evil" in answer.headers["set-cookie"]:
            self.faults.append(f"{what}: it set a cookie of its own")

    def get(self, what: str, browser: Browser, path: str, **options: Any) -> None:
        self._timed(what, browser.get, path, options)

    def post(self, what: str, browser: Browser, path: str, **options: Any) -> None:
        self._timed(what, browser.post, path, options)

    def _timed(self, what: str, send: Any, path: str, options: Mapping[str, Any]) -> None:
        self.site.live.limiter.clear()
        started = time.process_time()
        answer = send(path, **options)
        self.expect_refusal(what, answer, time.process_time() - started)


@pytest.fixture
def visits(site: TestSite) -> Visits:
    return Visits(site, World(site, "assessment"))


def _raise(visits: Visits) -> None:
    assert not visits.faults, f"{len(visits.faults)} faults\n" + "\n".join(visits.faults[:60])


def test_no_text_in_an_address_breaks_a_page(visits: Visits) -> None:
    for name, route, attempt, browser in visits.routes("GET"):
        typed = re.findall(r"\{(\w+):(\w+)\}", route.path)
        for parameter, kind in typed:
            texts = (
                visits.texts if kind != "uuid" else {key: TEXTS[key] for key in ("NUL", "no UTF-8")}
            )
            for what, text in texts.items():
                path = visits.path(name, attempt, **{parameter: text})
                visits.get(f"{name} {parameter}={what}", browser, path)
        path = visits.path(name, attempt)
        for key, what in product(
            visits.query_keys(name, browser, path), visits.texts.keys() & QUERIES
        ):
            visits.get(f"{name} {key}={what}", browser, f"{path}?{key}={TEXTS[what]}")
        # A block that is drawn alone must bring all it needs, also where nothing is found.
        alone = {"HX-Request": "true"}
        visits.get(f"{name} alone", browser, f"{path}?q=nobody&late=1", headers=alone)
        visits.get(f"{name} twice", browser, f"{path}?q=1&q=2")
        if name in SOME:
            many = "&".join(f"k{n}" for n in range(6000))
            visits.get(f"{name} many", browser, f"{path}?{many}")
        visits.get(f"{name} long", browser, f"{path}?q={LONG[:60_000]}")
    _raise(visits)


def test_no_text_in_a_form_breaks_an_act(visits: Visits) -> None:
    for name, _, attempt, browser in visits.routes("POST"):
        path = visits.path(name, attempt)
        form = {key: quote_plus(str(one)) for key, one in attempt.form_for(visits.world).items()}
        for what, text in visits.texts.items():
            everywhere = dict.fromkeys([*form, "_base"], text)
            visits.post(f"{name} {what}", browser, path, **_form(everywhere))
        is_sqlite = visits.site.engine.dialect.name == "sqlite"
        # The kernel reads these, in the same way for every form.
        kernels = ("_once", "_base", "csrf_token", "unknown") if name in SOME else ()
        for key in [*form, *kernels]:
            twice = [{key: f"1&{key}=2"}] if is_sqlite else []  # no database is asked about it
            for change in ({key: TEXTS["NUL inside"]}, *twice):
                what = f"{name} {str(change)[:40]}"
                visits.post(what, browser, path, **_form(form | change))
        longest = max(form, key=lambda key: len(form[key]), default="csrf_token")
        visits.post(f"{name} {longest} of 1 MB", browser, path, **_form(form | {longest: LONG}))
    _raise(visits)


BOUNDARY = "cut-here"
DEEP = b"[" * 100_000
JSON = "application/json"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


def _part(headers: bytes, content: bytes) -> bytes:
    cut = BOUNDARY.encode()
    return b"--" + cut + b"\r\n" + headers + b"\r\n\r\n" + content + b"\r\n--" + cut + b"--\r\n"


def _named(name: bytes, more: bytes = b"") -> bytes:
    return b'Content-Disposition: form-data; name="' + name + b'"' + more


BODIES: Mapping[str, tuple[str, bytes]] = {
    "nothing": ("", b""),
    "a form without a type": ("", b"a=1"),
    "JSON as text": ("text/plain", b'{"email":"a@b.c"}'),
    "a form for JSON": ("application/x-www-form-urlencoded", b'{"email":"a@b.c"}'),
    "JSON for a form": (JSON, b'{"_base":"1"}'),
    "JSON 100,000 deep": (JSON, DEEP),
    "JSON objects deep": (JSON, b'{"a":' * 100_000),
    "closed deep JSON": (JSON, DEEP + b"]" * 100_000),
    "deep JSON in a field": (JSON, b'{"credential":{"id":' + DEEP + b"]" * 100_000 + b"}}"),
    "a huge integer": (JSON, b'{"email":' + b"9" * 100_000 + b"}"),
    "a huge float": (JSON, b'{"email":1e999999}'),
    "arrays for scalars": (JSON, b'{"email":["a@b.c","x@y.z"],"ceremony":["a"],"code":[1]}'),
    "objects for scalars": (JSON, b'{"email":{"a":1},"ceremony":{},"credential":[],"next":{}}'),
    "null": (JSON, b"null"),
    "a list": (JSON, b"[1,2,3]"),
    "one key twice": (JSON, b'{"email":"a@b.c","email":"x@y.z"}'),
    "NUL in JSON": (JSON, b'{"email":"a\\u0000@b.c","code":"\\u0000","next":"\\u0000"}'),
    "half a surrogate in JSON": (JSON, b'{"email":"\\ud800@b.c","code":"\\udfff"}'),
    "JSON that is no UTF-8": (JSON, b'{"email":"\xff\xfe"}'),
    "JSON with a mark": (JSON, b'\xef\xbb\xbf{"email":"a@b.c"}'),
    "half of JSON": (JSON, b'{"email":"a@b'),
    "JSON in another charset": ("application/json; charset=utf-16", '{"email":1}'.encode("utf-16")),
    "1 MB in JSON": (JSON, json.dumps({"email": LONG, "code": LONG}).encode()),
    "bad UTF-8 in a part": (MULTIPART, _part(_named(b"a"), b"\xff\xfe\x80")),
    "bad UTF-8 in a name": (MULTIPART, _part(_named(b"\xff\xfe"), b"a")),
    "charset=nope": (
        MULTIPART,
        _part(_named(b"a") + b"\r\nContent-Type: text/plain; charset=nope", b"a"),
    ),
    "charset=zlib": (
        MULTIPART,
        _part(_named(b"a") + b"\r\nContent-Type: text/plain; charset=zlib", b"a"),
    ),
    "charset=utf-7": (
        MULTIPART,
        _part(_named(b"a") + b"\r\nContent-Type: text/plain; charset=utf-7", b"+AD0-"),
    ),
    "a part of JSON": (
        MULTIPART,
        _part(_named(b"a") + b"\r\nContent-Type: application/json", DEEP),
    ),
    "the token as a file": (
        MULTIPART,
        _part(_named(b"csrf_token", b'; filename="x"'), b"token"),
    ),
    "a path as a file's name": (
        MULTIPART,
        _part(_named(b"file", b'; filename="../../etc/passwd\x00"'), b"x"),
    ),
    "a part without a name": (MULTIPART, _part(b"Content-Disposition: form-data", b"a")),
    "a part without headers": (MULTIPART, _part(b"", b"a")),
    "a part's header of 1 MB": (MULTIPART, _part(_named(b"a" * 1_000_000), b"a")),
    "no end": (MULTIPART, b"--cut-here\r\n" + _named(b"a") + b"\r\n\r\nabc"),
    "no boundary": ("multipart/form-data", _part(_named(b"a"), b"a")),
    "a long boundary": (f"multipart/form-data; boundary={'b' * 10_000}", b"a"),
    "an empty boundary": ("multipart/form-data; boundary=", b"--\r\n\r\n"),
    "a strange boundary": ('multipart/form-data; boundary="é\\"', b"a"),
    "many parts": (MULTIPART, _part(_named(b"a"), b"1").replace(b"--\r\n", b"\r\n") * 20_000),
    "many fields": ("application/x-www-form-urlencoded", b"a=1&" * 20_000),
    "a charset of its own": ("application/x-www-form-urlencoded; charset=nope", b"a=%ff"),
    "5 MB of form": ("application/x-www-form-urlencoded", b"a=" + b"x" * 5_000_000),
    "a raw file": ("application/octet-stream", b"MZ\x90\x00"),
    "an empty raw file": ("application/octet-stream", b""),
    "XML": ("application/xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>'),
    "a type that is none": (";;;,\t/", b"a=1"),
}


EVERYWHERE = frozenset(
    {
        *("nothing", "JSON for a form", "arrays for scalars", "objects for scalars", "null"),
        *("a list", "NUL in JSON", "half a surrogate in JSON", "a raw file", "the token as a file"),
        *("1 MB in JSON", "deep JSON in a field"),
    }
)
"""What reaches handlers; the rest the kernel refuses, which is the same for all of them."""


def test_no_body_breaks_an_act(quick_site: TestSite) -> None:
    visits = Visits(quick_site, World(quick_site, "assessment"))
    for name, _, attempt, browser in visits.routes("POST"):
        path = visits.path(name, attempt)
        for what, (kind, content) in BODIES.items():
            if name in SOME or what in EVERYWHERE:
                headers = {"Content-Type": kind.encode("latin-1")}
                visits.post(f"{name}: {what}", browser, path, content=content, headers=headers)
    _raise(visits)


def _form(values: Mapping[str, str]) -> dict[str, Any]:
    body = "&".join(f"{key}={value}" for key, value in values.items())
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    return {"content": body.encode(), "headers": kind}


HEADERS: Mapping[str, dict[str, str]] = {
    "another verb in a header": {"X-HTTP-Method-Override": "DELETE", "X-HTTP-Method": "PUT"},
    "another address in a header": {"X-Original-URL": "/people", "X-Rewrite-URL": "/people"},
    "another host in a header": {"X-Forwarded-Host": "evil.example", "Forwarded": "host=evil"},
    "a foreign scheme": {"X-Forwarded-Proto": "javascript", "X-Forwarded-For": "127.0.0.1"},
    "strange cookies": {"Cookie": 'cpms; =; cpms="; ;;; a=b=c; cpms=%00%ff; \x80=\xff'},
    "two sessions": {"Cookie": "cpms=aaaa; cpms=bbbb"},
    "a foreign sentence": {"Cookie": "said=%3Cscript%3E; cpms=" + "é" * 30},
    "a huge cookie": {"Cookie": "cpms=" + "a" * 100_000},
    "a wish for everything": {"Accept": "*/*, " * 1000, "Accept-Language": "x" * 10_000},
    "a strange wish": {"Accept": "application/json;q=\xff", "HX-Request": "true"},
    "a range": {"Range": "bytes=0-0,-1,99999999999999999999-", "If-Range": "x"},
    "a date": {"If-Modified-Since": "yesterday", "If-None-Match": "*"},
    "a strange browser": {"User-Agent": "\x1b[31m\xff\x80{{7*7}}" * 100},
}


REACHING_PAGES = frozenset({"a strange wish", "strange cookies"})
"""The kernel reads the rest, in the same way for every page."""
READING_HEADERS = ("GET /sign-in", "GET /", "GET /cases/{case_id}/files/{attachment_id}")


def test_no_header_breaks_a_page(quick_site: TestSite) -> None:
    visits = Visits(quick_site, World(quick_site, "assessment"))
    for name, _, attempt, browser in visits.routes("GET"):
        path = visits.path(name, attempt) + attempt.query
        for what, headers in HEADERS.items():
            if name not in READING_HEADERS and what not in REACHING_PAGES:
                continue
            sent = {key: value.encode("latin-1") for key, value in headers.items()}
            visits.get(f"{name}: {what}", browser, path, headers=sent)
    _raise(visits)


def test_other_verbs_say_nothing_and_do_nothing(quick_site: TestSite) -> None:
    visits = Visits(quick_site, World(quick_site, "assessment"))
    before = quick_site.events()
    for method in ("GET", "POST"):
        for name, _, attempt, browser in visits.routes(method):
            for verb in ("HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "FOO"):
                answer = browser._send(verb, visits.path(name, attempt))
                assert answer.status_code in {204, 405}, f"{verb} {name}: {answer.status_code}"
                assert "set-cookie" not in answer.headers
                assert verb == "OPTIONS" or "Dr " not in answer.text
    assert quick_site.events() == before


ADDRESSES = ("//{}", "{}/", "/.{}", "{};x=1", "{}%2f", "{}%20", "/x/..{}", "/%2e%2e{}", "{}%00")


def test_an_address_written_otherwise_is_the_same_or_nothing(quick_site: TestSite) -> None:
    world = World(quick_site, "assessment")
    visits = Visits(quick_site, world)
    for name, route, attempt, _ in visits.routes("GET"):
        if name in PUBLIC:
            continue
        for change, person in product(ADDRESSES, ("anonymous", "guest")):
            if person in allowed(name, route):
                continue
            path = change.format(visits.path(name, attempt))
            answer = world[person].get("http://localhost:8000" + path)
            assert answer.status_code in {303, 400, 403, 404, 422}, f"{path}: {answer.status_code}"


NEXT = (
    *("//evil.example", "/\\evil.example", "\\\\evil.example", "https:evil.example"),
    *("https://evil.example", "javascript:alert(1)", "/%0d%0aSet-Cookie: a=b", "///evil"),
    *("/\t/evil.example", "/\n/evil.example", " //evil.example", "http:///evil", "@evil"),
    *("/\u2044evil.example", "/x\u2028y", "", "/" * 5000, "\x00", "/\x00", "//"),
)


def test_after_signing_in_one_stays_on_this_site(quick_site: TestSite) -> None:
    for where in NEXT:
        page = quick_site.browser().get(f"/sign-in?next={quote(where, safe='')}")
        assert page.status_code < 500
        (found,) = re.findall(r'name="next" value="([^"]*)"', page.text) or [""]
        assert found == "" or re.fullmatch(r"/(?![/\\])[^\x00-\x1f\\]*", found), found


def test_a_page_that_needs_a_sign_in_leads_back_to_this_site_only(quick_site: TestSite) -> None:
    for path in ("//evil.example/centre", "/centre%0d%0aX-Evil:%201", "/centre?next=//evil"):
        answer = quick_site.browser().get(f"http://localhost:8000{path}")
        assert answer.status_code in {303, 404}
        assert "x-evil" not in answer.headers
        location = answer.headers.get("location", "/sign-in")
        assert location.startswith("/sign-in")


def test_two_cookies_of_one_name_sign_nobody_in(quick_site: TestSite) -> None:
    own = quick_site.person()
    token = own.cookies.pop("cpms")
    for cookie in (f"cpms={token}; cpms={token}", f"cpms=x; cpms={token}", f"cpms={token}; cpms="):
        assert own.get("/centre", headers={"Cookie": cookie}).status_code == 303


def test_a_made_up_session_is_no_new_client_for_whoever_tries_keys(quick_site: TestSite) -> None:
    stranger = quick_site.browser()
    answers = []
    for number in range(40):
        stranger.cookies["cpms"] = f"made-up-{number}"
        answers.append(stranger.post("/sign-in/begin", json={"email": "a@example.org"}))
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "Please wait" in answers[-1].text
    for number in range(20_100):
        with suppress(TooManyError):
            quick_site.live.limiter.take("page", str(number))
    assert stranger.post("/sign-in/begin", json={"email": "a@example.org"}).status_code == 429
