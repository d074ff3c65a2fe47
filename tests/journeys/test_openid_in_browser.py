"""Link an account at a real OpenID provider and sign in by it, in a real Chromium.

It also asks the content security policy where a form's redirects may lead.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from cpms_core.db import transaction
from cpms_core.identity.people import first_admin, new_ticket
from cpms_core.keys import load_site_key
from cpms_core.settings import OpenIdProvider, read_site, write_settings
from tests.engines import SqliteTemplate
from tests.journeys.chromium import Person, chromium
from tests.journeys.server import Server, make_data
from tests.openid.real import real_provider

PICTURES = Path(__file__).parents[2] / "build" / "screens"
EMAIL = "admin@example.org"


@pytest.fixture
def server(tmp_path: Path, sqlite_template: SqliteTemplate) -> Iterator[Server]:
    site = make_data(tmp_path / "site", sqlite_template)
    with real_provider(f"{site.settings.base_url}/sign-in/openid/back") as issuer:
        provider = OpenIdProvider(
            key="eu-login",
            title="EU Login",
            issuer=issuer,
            client_id="cpms-public",
            scopes=("openid", "profile"),
        )
        write_settings(site.data, replace(site.settings, openid_providers=(provider,)))
        assert read_site(site.data).settings.openid_providers == (provider,)
        with Server(site.data) as running:
            yield running


def test_link_it_on_the_profile_and_sign_in_by_it(server: Server) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with transaction(server.engine) as session:
        user = first_admin(session, EMAIL, "First Administrator")
        key = load_site_key(server.site.site_key_path)
        ticket = new_ticket(session, key, user, created_by=None, with_code=False)
    with chromium() as browser:
        admin = Person(browser, server.url, PICTURES)
        # The provider's own pages want an icon and a font that are not there.
        for theirs in ("**/favicon.ico", "https://fonts.googleapis.com/**"):
            admin.context.route(theirs, lambda route: route.fulfill(status=200, body=""))
        admin.enrol(f"{server.url}/enrol/{ticket.token}", "", EMAIL)
        page = admin.go("/me")
        page.get_by_role("button", name="Link EU Login").click()
        page.get_by_role("button", name="Use your key").click()
        page.get_by_placeholder("Enter any login").fill("ana")
        page.get_by_placeholder("and password").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("EU Login is linked").wait_for()
        admin.picture("linked")
        page.context.clear_cookies(name="cpms")
        page = admin.go("/sign-in?next=/people")
        admin.picture("sign-in-openid")
        # The provider still knows this browser, so it sends it back at once.
        page.get_by_role("button", name="Sign in with EU Login").click()
        page.get_by_text("Now your security key").wait_for()
        admin.picture("openid-key")
        page.get_by_role("button", name="Use your key").click()
        page.wait_for_url(f"{server.url}/people")
        # The page that asks for the key is answered with 403, which the console calls an error.
        assert [one for one in admin.faults if "403" not in one] == []


def test_somebody_whom_nobody_linked_reads_what_to_do(server: Server) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        stranger = Person(browser, server.url, PICTURES)
        page = stranger.go("/sign-in")
        page.get_by_role("button", name="Sign in with EU Login").click()
        page.get_by_placeholder("Enter any login").fill("nobody")
        page.get_by_placeholder("and password").fill("any")
        page.get_by_role("button", name="Sign-in").click()
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("is not linked here yet").wait_for()
        stranger.picture("openid-unknown")
