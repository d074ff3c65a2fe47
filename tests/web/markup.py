"""Texts that would become markup if they could, and what of a page shows that one of them did."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from httpx import Response

TEMPLATES = "{{7*7}}${7*7}%s{0.__class__}<%= 7*7 %>"
TEXTS = (
    # Out of quoted and bare attributes, out of elements that hold plain text, out of comments.
    f"""x"' xss-a=1 onxss=x hx-xss=/ data-hx-xss=/><xss-b hx-on:click=x>--></textarea></title>
</select></script></template></svg><script xss-c>xss()</script>{TEMPLATES}""",
    f"""x"' xss-a=1 onxss=x><xss-b hx-on:click=x><!--{TEMPLATES}""",
    """"'><xss-b xss-a=1>""",
    "<xss-b>",
)
"""The first that a field takes is used: some hold little, some are one line."""
BINDING = frozenset(
    {"id", "name", "class", "style", "src", "for", "hx-get", "hx-post", "hx-target"}
)
"""Attributes that tell scripts and styles what is what; of a text they hold a harmless key."""

_NONCE = re.compile(r"'nonce-[^']*'")
"""Chance wrote it, and may have written anything."""


class Page(HTMLParser):
    """What of a page came from somebody's text and is no text."""

    def __init__(self, answer: Response) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.text = ""
        self._inside = ""
        self.feed(answer.text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        if "xss" in tag:
            self.wrong.append(f"an element <{tag}>")
        for name, value in attrs:
            self.text += f"\n{value}"
            if "xss" in name or name.startswith(("on", "hx-on", "data-hx-on")):
                self.wrong.append(f"an attribute {name}={value}")
            if re.match(r"\s*(javascript|data|vbscript)\s*:", value or "", re.IGNORECASE):
                self.wrong.append(f"an address {name}={value}")
            is_slug = re.fullmatch(r"[a-z]+-\w+(-error|-hint)?", value or "", re.ASCII)
            if "xss" in (value or "") and name in BINDING and not is_slug:
                self.wrong.append(f"a text in {name}={value}")

    def handle_data(self, data: str) -> None:
        self.text += data
        if "xss" in data and self._inside in {"script", "style"}:
            self.wrong.append(f"a text inside <{self._inside}>")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's own signature
        self._inside = ""

    def handle_comment(self, data: str) -> None:
        if "xss" in data:
            self.wrong.append(f"a comment {data}")


def wrong_headers(answer: Response) -> Iterator[str]:
    """An address may hold a text, in its own spelling; a cookie's value nobody wrote."""
    for name, value in answer.headers.items():
        if "xss" in _NONCE.sub("", value) and name not in {"set-cookie", "location"}:
            yield f"a text in the header {name}"
