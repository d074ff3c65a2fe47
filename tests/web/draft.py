"""A draft case of somebody's own centre, and what its forms are sent."""

from io import BytesIO
from typing import Any

from httpx import Response
from PIL import Image

from tests import factories
from tests.site import Browser, TestSite

QUESTION = {
    "_base": "0",
    "question_type": "diagnosis",
    "question": "Exome (trio) was negative: which test next?",
    "summary": "Second child of unrelated parents.",
    "urgency": "routine",
}
RAW = {"Content-Type": "application/octet-stream", "X-File-Name": "holiday%20Anna%20Novak.jpg"}


def open_draft(site: TestSite, person: Browser, **values: Any) -> str:
    """The address of a new case; `values` are the patient's."""
    with site.transaction() as session:
        return f"/cases/{factories.make_case(session, person.actor, **values).id}"


def ask(person: Browser, case: str, **changes: str) -> Response:
    """Save the question and the summary."""
    return person.post(f"{case}/records/core.request", {**QUESTION, **changes})


def jpeg(width: int = 60, height: int = 80, **options: Any) -> bytes:
    made = BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, "JPEG", **options)
    return made.getvalue()


def send_file(person: Browser, case: str, content: bytes) -> Response:
    """As the page's script sends one file."""
    return person.post(f"{case}/files", content=content, headers=RAW)
