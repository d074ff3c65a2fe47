"""The viewer in a real Chromium, which gets every answer from the site in this process."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, Page, Route, sync_playwright
from pydicom import Dataset

from tests.plugins.dicom_viewer.images import ROOT, make_image
from tests.plugins.dicom_viewer.studies import StoredStudy, store_study
from tests.site import ORIGIN, Browser, TestSite

COUNT = 6
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is not installed, and CI must not skip it")
        pytest.skip("no Chromium here: install Debian's chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def clinician(site: TestSite) -> Browser:
    if site.engine.dialect.name != "sqlite":
        pytest.skip("a browser sees no difference between databases")
    return site.person()


@pytest.fixture
def study(site: TestSite, clinician: Browser) -> StoredStudy:
    return store_study(site, clinician, [slice_image(number) for number in range(1, COUNT + 1)])


def slice_image(number: int) -> bytes:
    """A bright bar, further down in each image, on a ramp."""
    pixels = np.tile(np.arange(128, dtype=np.uint16) * 4, (128, 1))
    pixels[number * 16 : number * 16 + 12, 30:100] = 1500

    def change(dataset: Dataset) -> None:
        dataset.SOPInstanceUID, dataset.InstanceNumber = f"1.2.3.4.3.{number}", number
        dataset.BodyPartExamined, dataset.PixelSpacing = "HEAD", [0.5, 0.5]
        dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        dataset.ImagePositionPatient = [0, 0, number * 3.0]
        dataset.WindowCenter, dataset.WindowWidth = 750, 1500

    return make_image(change, pixels=pixels)


class Viewer:
    """The page and what a person sees of it."""

    def __init__(self, page: Page, problems: list[str]) -> None:
        self.page = page
        self.problems = problems

    def text(self, name: str) -> str:
        return self.page.locator(f"[data-{name}]").first.inner_text()

    def wait_for(self, name: str, text: str) -> None:
        self.page.wait_for_function(
            "([name, text]) => document.querySelector(`[data-${name}]`).textContent === text",
            arg=[name, text],
        )

    def picture(self) -> bytes:
        """The drawn image, measures included, after what was asked for has been drawn."""
        self.page.wait_for_timeout(250)
        return self.page.locator("[data-stack]").screenshot()

    def drag(self, dx: int, dy: int, button: Any = "left") -> None:
        box = self.page.locator("[data-screen]").bounding_box()
        assert box
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down(button=button)
        self.page.mouse.move(x + dx, y + dy, steps=5)
        self.page.mouse.up(button=button)

    def keep_screen(self, name: str) -> None:
        folder = ROOT / "build" / "screens"
        folder.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=folder / f"viewer-{name}.png")


@contextmanager
def opened(
    chromium: Chromium, clinician: Browser, address: str, *, without: str = "", **options: Any
) -> Iterator[Viewer]:
    """The page, ready; `without` is part of an address that cannot be loaded."""
    context = chromium.new_context(base_url=ORIGIN, **options)
    problems: list[str] = []
    page = context.new_page()
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    _answer_from(clinician, context, without)
    try:
        page.goto(address)
        if options.get("java_script_enabled", True):
            page.wait_for_selector("[data-ready]", timeout=20_000)
        yield Viewer(page, problems)
    finally:
        context.close()


def _answer_from(clinician: Browser, context: BrowserContext, without: str) -> None:
    def answer(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if (parts.scheme, parts.netloc) != tuple(ORIGIN.split("://")):
            route.abort()  # nothing may be asked of anybody else
            return
        if without and without in parts.path:
            route.abort()
            return
        found = clinician.get(f"{parts.path}?{parts.query}")
        kept = {k: v for k, v in found.headers.items() if k != "content-encoding"}
        route.fulfill(status=found.status_code, headers=kept, body=found.content)

    context.route("**/*", answer)


def test_the_viewer_scrolls_windows_zooms_pans_and_measures(
    chromium: Chromium, clinician: Browser, study: StoredStudy
) -> None:
    with opened(chromium, clinician, f"{study.page}?image=2") as viewer:
        page = viewer.page
        assert page.get_attribute("[data-screen]", "data-ready") == "true"
        assert viewer.text("title") == "MR · Head · axial"
        viewer.wait_for("window", "W 1500 L 750")
        viewer.keep_screen("desktop")
        seen = [viewer.picture()]

        page.locator("[data-screen]").hover()
        page.mouse.wheel(0, 100)
        viewer.wait_for("index", f"3 / {COUNT}")
        seen.append(viewer.picture())

        viewer.drag(80, 0, "right")
        assert viewer.text("window") != "W 1500 L 750"
        seen.append(viewer.picture())

        page.keyboard.press("z")
        viewer.drag(0, 80)
        assert viewer.text("zoom") != "zoom 1.0"
        seen.append(viewer.picture())

        page.click("[data-tool=pan]")
        viewer.drag(60, 30)
        seen.append(viewer.picture())

        page.keyboard.press("l")
        viewer.drag(100, 0)
        page.get_by_text(" mm", exact=False).first.wait_for()
        seen.append(viewer.picture())
        viewer.keep_screen("measured")

        page.keyboard.press("i")
        seen.append(viewer.picture())
        assert len(set(seen)) == len(seen), "each act must change the picture"

        page.keyboard.press("c")
        page.keyboard.press("f")
        viewer.wait_for("zoom", "zoom 1.0")
        page.keyboard.press("End")
        viewer.wait_for("index", f"{COUNT} / {COUNT}")
        page.wait_for_url(f"**image={COUNT}")
        assert viewer.problems == []


def test_play_goes_round(chromium: Chromium, clinician: Browser, study: StoredStudy) -> None:
    with opened(chromium, clinician, f"{study.page}?image={COUNT}") as viewer:
        viewer.page.keyboard.press(" ")
        viewer.wait_for("index", f"2 / {COUNT}")
        viewer.page.keyboard.press(" ")
        assert viewer.page.get_attribute("[data-tool=play]", "aria-pressed") == "false"


def test_a_browser_that_cannot_run_the_viewer_still_scrolls(
    chromium: Chromium, clinician: Browser, study: StoredStudy
) -> None:
    with opened(chromium, clinician, study.page, without="chunk-stack") as viewer:
        assert "images drawn by the server" in viewer.text("problem")
        viewer.page.keyboard.press("ArrowDown")
        viewer.wait_for("index", f"2 / {COUNT}")
        viewer.page.wait_for_function(
            "(id) => document.querySelector('[data-picture]').src.includes(id)",
            arg=str(study.ids[1]),
        )
        assert viewer.page.locator("[data-tool=length]").is_disabled()


def test_without_script_links_step_through_the_images(
    chromium: Chromium, clinician: Browser, study: StoredStudy
) -> None:
    with opened(chromium, clinician, study.page, java_script_enabled=False) as viewer:
        viewer.page.click("text=Next image")
        assert viewer.text("index") == f"2 / {COUNT}"
        source = viewer.page.get_attribute("[data-picture]", "src")
        assert source and str(study.ids[1]) in source


def test_a_phone_shows_all_of_it(
    chromium: Chromium, clinician: Browser, study: StoredStudy
) -> None:
    phone: dict[str, Any] = {
        "viewport": {"width": 390, "height": 844},
        "has_touch": True,
        "is_mobile": True,
    }
    with opened(chromium, clinician, study.page, **phone) as viewer:
        viewer.keep_screen("phone")
        assert viewer.page.evaluate("document.documentElement.scrollWidth") == 390
        assert viewer.page.get_attribute("[data-tool=scroll]", "aria-pressed") == "true"
        assert viewer.problems == []


def test_a_kind_that_browsers_do_not_know_is_drawn_by_the_server(
    site: TestSite, chromium: Chromium, clinician: Browser
) -> None:
    def change(dataset: Dataset) -> None:
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 3, "RGB"
        dataset.PlanarConfiguration, dataset.PixelData = 0, bytes(8 * 8 * 6)

    study = store_study(site, clinician, [make_image(change)])
    with opened(chromium, clinician, study.page) as viewer:
        assert viewer.page.get_attribute("[data-screen]", "data-ready") == "server"
        assert "rare kind" in viewer.text("problem")
        assert viewer.problems == []
