"""A real Chromium with a virtual security key for each person."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--no-first-run",
)
_AXE = Axe().axe_script
_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
"""The rules whose answer is another in the dark."""
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@contextmanager
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and CI must not skip it")
        pytest.skip("no Chromium here: install Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield browser
        browser.close()


class Person:
    """Somebody at a browser of their own, with a virtual security key plugged in."""

    def __init__(self, browser: Browser, url: str, pictures: Path) -> None:
        self.url = url
        self._pictures = pictures
        self.context: BrowserContext = browser.new_context(
            viewport=DESKTOP,  # type: ignore[arg-type]  # a TypedDict of two ints
            locale="en-GB",
            timezone_id="Europe/Paris",
        )
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self._note(line.type, line.text))
        plug_in_key(self.page)

    def go(self, path: str) -> Page:
        self.page.goto(path if path.startswith("http") else self.url + path)
        return self.page

    def enrol(self, link: str, code: str, email: str) -> None:
        """Enrol the key from the link, then sign in with it."""
        page = self.go(link)
        if code:
            page.get_by_label("Code from the person who invited you").fill(code)
        page.get_by_role("button", name="Enrol your security key").click()
        page.wait_for_url("**/sign-in*")
        page.get_by_label("E-mail address").fill(email)
        page.get_by_role("button", name="Sign in with your security key").click()
        page.wait_for_url(self.url + "/")

    def picture(self, name: str) -> None:
        """The page as it is: desktop, phone and dark, into build/screens. axe-core looks too."""
        page = self.page
        page.wait_for_load_state("load")
        page.evaluate("scrollTo(0, 0); document.fonts.ready.then(() => true)")
        self._take(name)
        page.evaluate(_AXE)
        self._look_for_barriers(name, {})
        page.emulate_media(color_scheme="dark")
        self._look_for_barriers(f"{name}, dark", _COLOURS)
        self._take(f"{name}-dark")
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as above
        self._take(f"{name}-phone")
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            self.faults.append(f"{name}: {width} px wide on a phone")
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]  # as above

    def _take(self, name: str) -> None:
        # As a PNG, Chromium takes twice as long for it.
        self.page.screenshot(path=self._pictures / f"{name}.jpg", full_page=True, quality=90)

    def _look_for_barriers(self, name: str, options: dict[str, list[str]]) -> None:
        found = self.page.evaluate(
            "(options) => axe.run(options).then((found) => found.violations)", options
        )
        for one in found:
            places = "; ".join(" ".join(node["target"]) for node in one["nodes"][:3])
            self.faults.append(f"{name}: {one['id']}: {one['help']} ({places})")

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.faults.append(text)


def bring_session(page: Page, url: str, token: str) -> None:
    """Signed in already, by a session made in the store."""
    cookie = {"name": "cpms", "value": token, "url": url}
    page.context.add_cookies([cookie])  # type: ignore[list-item]  # a TypedDict of strings


def plug_in_key(page: Page) -> None:
    """A security key that needs no finger, by the browser's own testing protocol."""
    client = page.context.new_cdp_session(page)
    client.send("WebAuthn.enable")
    client.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "ctap2Version": "ctap2_1",
                "transport": "usb",
                "hasResidentKey": False,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
