"""What a browser is told and made to do: fragments, embedding by others, texts in headers."""

import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from cpms_core.answers import File, Redirect
from cpms_core.http.app import live_site, load_plugins
from cpms_core.http.outgoing import respond
from cpms_core.http.render import Rendering
from cpms_core.identity.tokens import csrf_token
from cpms_core.settings import Settings, Site
from tests.openid.fake import FakeProvider
from tests.openid.sites import asked_in, knowing, of_fake
from tests.site import PLUGINS, Live, TestSite
from tests.web.attempts import PERSON
from tests.web.matrix import Matrix, allowed
from tests.web.world import World

HOSTILE = (
    "x\r\nX-Evil: 1",
    "x\nSet-Cookie: cpms=evil",
    "x\x00y",
    "Žluťoučký kůň 患者 🐎",
    "\u2028\u2029\x85",
    '"; filename="evil.exe',
    "report.pdf\u202efdp.exe",
    "../../etc/passwd",
    "a" * 5000,
    "\ud800",
)


def test_htmx_runs_nothing_loads_nothing_from_elsewhere_and_keeps_no_page(
    quick_site: TestSite,
) -> None:
    page = quick_site.person().get("/").text
    (content,) = re.findall(r"<meta name=\"htmx-config\" content='([^']*)'", page)
    config = json.loads(content)
    assert config["allowEval"] is False
    assert config["allowScriptTags"] is False
    assert config["selfRequestsOnly"] is True
    assert config["historyCacheSize"] == 0
    assert config["includeIndicatorStyles"] is False


def test_a_page_is_whole_unless_a_part_is_asked_for_and_strangers_get_neither(
    quick_site: TestSite,
) -> None:
    matrix = Matrix(quick_site, "assessment")
    for name, route, attempt in matrix.routes():
        if route.method != "GET" or not allowed(name, route):
            continue
        person = min(allowed(name, route))
        answer = matrix.send(name, attempt, person)
        if answer.headers["content-type"].startswith("text/html"):
            assert answer.text.lstrip().startswith("<!doctype html>"), name
            assert "<header" in answer.text and "</html>" in answer.text, name
        part = matrix.send(name, attempt, "anonymous", headers={"HX-Request": "true"})
        assert part.status_code in {200, 401}, name
        assert part.content == b"" or "Please sign in" in part.text, name
        assert part.headers.get("hx-redirect", "/sign-in").startswith("/sign-in"), name


def test_no_element_takes_its_id_or_name_from_what_people_wrote(quick_site: TestSite) -> None:
    """Else a script of ours that looks for an id could be given somebody's comment instead."""
    world = World(quick_site, "assessment")
    lead, panel = world["lead"], world.values["panel_id"]
    lead.post(
        f"/panels/{panel}/contributions",
        {"text": '<form id="main" name="body"><img name="cookie">', "certainty": "fairly_sure"},
    )
    page = lead.get(f"/panels/{panel}").text
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert ids.count("main") == 1
    assert len(ids) == len(set(ids)), [one for one in ids if ids.count(one) > 1]
    assert not set(ids) & {"cookie", "body", "forms", "location"}


FOREIGN = (
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
)
OPENED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


def test_another_site_shows_no_picture_page_or_export_of_ours_in_its_own(
    quick_site: TestSite,
) -> None:
    world = World(quick_site, "assessment")
    clinician, case = world["professional"], world.values["case_id"]
    photo = f"/cases/{case}/files/{world.photo.id}"
    for path in (photo, f"/cases/{case}", f"/x/dicom_viewer/cases/{case}/files/{world.image.id}"):
        for headers in FOREIGN:
            assert clinician.get(path, headers=headers).status_code == 403, headers
        own = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors"}
        assert clinician.get(path, headers=own).status_code == 200
    answer = clinician.get(photo)
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    # A link in somebody's mail still leads here.
    assert clinician.get(f"/cases/{case}", headers=OPENED).status_code == 200


def test_no_other_site_may_read_an_answer(quick_site: TestSite) -> None:
    browser = quick_site.person()
    for origin in ("https://evil.example", "null", "http://localhost:8000.evil.example"):
        wish = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        for verb in ("GET", "OPTIONS"):
            headers = browser._send(verb, "/me", headers=wish).headers
            assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_text_in_a_header_stays_inside_its_value(quick_site: TestSite, text: str) -> None:
    """Where an answer leads, what a download is called, what the last act left to say."""
    templates = quick_site.live.templates
    shown = text.encode("utf-8", "replace").decode()
    answers = [
        respond(Redirect(f"/x?{shown}"), templates, Rendering(actor=None)),
        respond(Redirect(f"/x?{shown}"), templates, Rendering(actor=None, is_htmx=True)),
        respond(
            File(content=b"", media_type="text/plain", download_as=shown),
            templates,
            Rendering(actor=None),
        ),
    ]
    for answer in answers:
        for value in answer.headers.values():
            assert re.fullmatch(r"[ -~]*", value)
    disposition = answers[2].headers["Content-Disposition"]
    assert re.fullmatch(r"attachment; filename\*=UTF-8''[\w.~%-]*", disposition, re.ASCII)


def test_the_sentence_of_the_last_act_is_one_header_and_one_text(quick_site: TestSite) -> None:
    admin = quick_site.person("system_admin", hcp=None)
    name = 'Ana "; Domain=evil.example, Žluťoučká <b>'
    admin.post("/people/invite", PERSON | {"name": name})
    person = re.findall(r"/people/([0-9a-f-]{36})", admin.get("/people?q=Ana").text)[0]
    answer = admin.post(f"/people/{person}/disable")
    lines = answer.headers.get_list("set-cookie")
    assert len(lines) == 1
    assert "domain" not in lines[0].partition(";")[2].lower()
    assert "Žluťoučká &lt;b&gt; can no longer sign in" in admin.follow(answer).text


def test_after_signing_in_any_address_can_be_led_to(quick_site: TestSite) -> None:
    ana = quick_site.person()
    for where in ("/é", "/\u2044x", "/患者", "/a b", "/x?q=%0d%0aX-Evil:1"):
        answer = ana.get(f"/sign-in?next={quote(where, safe='')}")
        assert answer.status_code == 303, where
        assert re.fullmatch(r"/[!-~]*", answer.headers["location"])
        assert "x-evil" not in answer.headers


REAL = {"Host": "cpms.example.org", "Origin": "https://cpms.example.org"}


def real_site(site: TestSite, folder: Path) -> Live:
    settings = Settings(demonstration=True, base_url=REAL["Origin"])
    return Live(live_site(Site(folder, settings), load_plugins(PLUGINS), key=site.live.key))


def test_on_a_real_site_the_cookie_is_bound_to_host_path_and_encryption(
    quick_site: TestSite, tmp_path: Path
) -> None:
    with TestSite(real_site(quick_site, tmp_path), quick_site.engine, tmp_path) as site:
        browser = site.person()
        headers = dict(REAL)
        browser.cookies = {"cpms": browser.token}
        assert browser.get("/me", headers=headers).status_code == 303, "under its plain name"
        token = browser.cookies.pop("cpms")
        headers |= {"X-CSRF-Token": csrf_token(token.encode()), "Cookie": f"__Host-cpms={token}"}
        answer = browser.post("/people", headers=headers)
        assert answer.status_code == 405
        answer = browser.post("/me/sessions/end-others", headers=headers)
        left = browser.post("/sign-out", headers=headers)
    lines = answer.headers.get_list("set-cookie") + left.headers.get_list("set-cookie")
    assert [line.partition("=")[0] for line in lines] == ["__Host-said", "__Host-cpms"]
    for line in lines:
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(line.split("; ")), line
        assert "domain" not in line.lower()
        assert len(line) < 4096
    assert '"storage"' in left.headers["clear-site-data"]


def test_on_a_real_site_the_cookie_of_a_way_to_a_provider_is_bound_too(
    quick_site: TestSite, tmp_path: Path
) -> None:
    with (
        TestSite(real_site(quick_site, tmp_path), quick_site.engine, tmp_path) as site,
        FakeProvider() as fake,
        knowing(site, of_fake(fake)),
    ):
        sent = site.browser().post("/sign-in/openid/fake", {"next": "/me"}, headers=REAL)
        (line,) = sent.headers.get_list("set-cookie")
        name, _, value = line.partition(";")[0].partition("=")
        returned = {"code": "c0de", "state": asked_in(sent)["state"], "iss": fake.issuer}
        finish = "/sign-in/openid/finish"
        # A sibling host can set a cookie of the plain name, and none of this one.
        plain = site.browser()
        refused = plain.post(finish, returned, headers=REAL | {"Cookie": f"openid={value}"})
        again = site.browser().post("/sign-in/openid/fake", {}, headers=REAL)
        (cookie,) = again.headers.get_list("set-cookie")
        returned["state"] = asked_in(again)["state"]
        kept = {"Cookie": cookie.partition(";")[0]}
        heard = site.browser().post(finish, returned, headers=REAL | kept)
    assert name == "__Host-openid"
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax", "Max-Age=600"} <= set(line.split("; "))
    assert "domain" not in line.lower()
    assert refused.status_code == 422 and "began in another browser" in refused.text
    assert "began in another browser" not in heard.text
