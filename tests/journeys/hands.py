"""The two ways of going through a page: by the mouse, and by the keyboard alone."""

from typing import Protocol

from playwright.sync_api import Locator, Page, expect

_MOST_TABS = 200
_MOST_ARROWS = 12


class Hands(Protocol):
    def press(self, target: Locator) -> None:
        """A link or button, or what opens."""

    def write(self, field: Locator, text: str) -> None: ...

    def tick(self, choice: Locator) -> None:
        """A checkbox or one of several radio buttons."""

    def choose(self, field: Locator, option: str) -> None:
        """An option of a list, by its words."""


class Mouse:
    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, target: Locator) -> None:
        target.click()

    def write(self, field: Locator, text: str) -> None:
        field.fill(text)

    def tick(self, choice: Locator) -> None:
        choice.check()

    def choose(self, field: Locator, option: str) -> None:
        field.select_option(option)


class Keyboard:
    """Reaches everything by Tab, from where the page put the focus; never touches the pointer."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def press(self, target: Locator) -> None:
        self._reach(target)
        # As a click does, and unlike `keyboard.press`, this waits for the page that it leads to.
        target.press("Enter")

    def write(self, field: Locator, text: str) -> None:
        self._reach(field)
        self._page.keyboard.press("ControlOrMeta+a")
        self._page.keyboard.insert_text(text)

    def tick(self, choice: Locator) -> None:
        if choice.is_checked():
            return
        name = choice.get_attribute("name")
        if choice.get_attribute("type") != "radio":
            self._reach(choice)
            self._page.keyboard.press("Space")
        else:
            group = self._page.locator(f'input[type=radio][name="{name}"]')
            self._reach(group)
            for _ in range(_MOST_ARROWS):
                if choice.is_checked():
                    break
                here = choice.evaluate("(one) => one === document.activeElement")
                self._page.keyboard.press("Space" if here else "ArrowDown")
        expect(choice).to_be_checked()

    def choose(self, field: Locator, option: str) -> None:
        self._reach(field)
        self._page.keyboard.type(option)
        expect(field.locator("option:checked")).to_have_text(option, ignore_case=True)

    def _reach(self, targets: Locator) -> None:
        """One of them, by Tab alone; what is reached must show that it has the focus."""
        targets.first.wait_for()
        self._page.wait_for_function(_IS_SETTLED)
        for _ in range(_MOST_TABS):
            if targets.evaluate_all("(all) => all.includes(document.activeElement)"):
                assert self._page.evaluate(_SHOWS_FOCUS), "the focus cannot be seen"
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"not reached by {_MOST_TABS} tabs: {targets}")


_IS_SETTLED = """() => document.readyState === "complete"
  && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling")"""
"""A part that is swapped in takes the focus away with what it replaces."""
_SHOWS_FOCUS = """() => {
  const style = getComputedStyle(document.activeElement)
  return style.outlineStyle !== "none" || style.boxShadow !== "none"
}"""
