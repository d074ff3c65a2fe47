"""Import people or centres from a CSV file: try it, look at every line, then do exactly that.

Nothing is kept between the two steps: the page that shows the plan carries the file, packed, and
the marks of its lines.
"""

import base64
import binascii
import zlib
from hashlib import sha256

from msgspec import Struct

from cpms_core import Answer, File, Page, Redirect, route
from cpms_core.audit import Event
from cpms_core.directory.csv_file import MOST_BYTES, MOST_LINES
from cpms_core.directory.csv_import import (
    KINDS,
    Plan,
    apply_import,
    example_of,
    note,
    plan_import,
)
from cpms_core.directory.planned import Planned
from cpms_core.errors import InvalidError, NotFoundError
from cpms_core.http.visit import PageVisit
from cpms_core.words import plural
from cpms_web.pages_directory import around
from cpms_web.typed import in_order

_MANAGE = "directory.manage"
_TITLES = {"kind": "What the file holds", "file": "File"}
_SHOWN_AGAIN = 9_000_000
"""Characters; what is too long comes back in its form, and the import says so."""
_MOST_PACKED = 3_000_000
"""Characters; what does not shrink at all is a third longer packed."""


class Tried(Struct, frozen=True, kw_only=True):
    """What came of a dry run: a plan, or why there is none."""

    plan: Plan | None = None
    packed: str = ""
    wrong: InvalidError | None = None


@route("GET", "/directory/import", permission=_MANAGE, event=None)
def show_import(visit: PageVisit) -> Answer:
    return _form(visit, "people")


@route("GET", "/directory/import/example/{kind:str}", permission=_MANAGE, event=None)
def download_example(_visit: PageVisit, kind: str) -> Answer:
    """With the mark that makes a spreadsheet read it as UTF-8."""
    if kind not in KINDS:
        raise NotFoundError
    content = example_of(kind).encode("utf-8-sig")
    return File(content=content, media_type="text/csv", download_as=f"{kind}.csv")


def try_out(visit: PageVisit) -> Tried:
    """Reading thousands of lines takes a moment: nobody's writing waits for it."""
    try:
        data = _sent(visit)
        plan = plan_import(visit.session, visit.actor, visit.field("kind", max_length=20), data)
    except InvalidError as error:
        return Tried(wrong=error)
    return Tried(plan=plan, packed=base64.urlsafe_b64encode(zlib.compress(data, 9)).decode())


@route(
    "POST",
    "/directory/import/check",
    permission=_MANAGE,
    event=Event.IMPORT_CHECKED,
    prepare=try_out,
)
def check(visit: PageVisit) -> Answer:
    tried: Tried = visit.prepared
    if tried.plan is None:
        kind, text = visit.field("kind", max_length=20), _pasted(visit)
        return _form(visit, kind, text, tried.wrong)
    note(visit.session, visit.actor, Event.IMPORT_CHECKED, tried.plan)
    return _plan_page(visit, tried.plan, tried.packed)


@route(
    "POST",
    "/directory/import",
    permission=_MANAGE,
    event=Event.IMPORT_APPLIED,
    step_up="import people or centres",
)
def apply(visit: PageVisit) -> Answer:
    packed = visit.field("packed", max_length=_MOST_PACKED)
    kind, marks = visit.field("kind", max_length=20), visit.field("marks", max_length=100_000)
    data = _unpack(packed)
    if sha256(data).hexdigest() != visit.field("sha256", max_length=64):
        raise InvalidError(_NOT_WHAT_WAS_SHOWN)
    plan, differing = apply_import(visit.session, visit.actor, kind, data, marks)
    if differing:
        return _plan_page(visit, plan, packed, differing)
    done = [f"{plural(len(plan.of('added')), 'line')} added", f"{len(plan.of('changed'))} changed"]
    done += [f"{len(plan.of('refused'))} refused"] if plan.of("refused") else []
    links = " Nobody has a link yet: make one on each person's page." if kind == "people" else ""
    return Redirect(_SHOWN_ON[kind], f"Imported: {', '.join(done)}.{links}")


_SHOWN_ON = {"people": "/people", "centres": "/directory"}
_NOT_WHAT_WAS_SHOWN = (
    "The file is not the one that was shown, so nothing was imported. Try it once more."
)


def _sent(visit: PageVisit) -> bytes:
    """The bytes of the one file, or what was pasted."""
    files = [one for one in visit.uploads if one.size]
    text = _pasted(visit)
    if len(files) + bool(text) != 1:
        raise InvalidError(
            "Nothing was imported.", {"file": "Choose one file, or paste its text; not both."}
        )
    if not files:
        return text.encode("utf-8", "surrogatepass")
    if files[0].size > MOST_BYTES:
        told = f"The file is larger than {MOST_BYTES // 10**6} MB. Import it in parts."
        raise InvalidError("Nothing was imported.", {"file": told})
    return files[0].path.read_bytes()


def _pasted(visit: PageVisit) -> str:
    return visit.field("text", max_length=_SHOWN_AGAIN)


def _unpack(packed: str) -> bytes:
    """Never more than a file may hold, whatever it was packed from."""
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(base64.urlsafe_b64decode(packed), MOST_BYTES + 1)
    except (binascii.Error, ValueError, zlib.error) as error:
        raise InvalidError(_NOT_WHAT_WAS_SHOWN) from error
    if len(data) > MOST_BYTES:
        raise InvalidError(_NOT_WHAT_WAS_SHOWN)
    return data


def _form(visit: PageVisit, kind: str, text: str = "", wrong: InvalidError | None = None) -> Page:
    values = {
        **around(visit, "import"),
        "kinds": {"people": "People and their roles", "centres": "Centres"},
        "titles": _TITLES,
        "typed": {"kind": kind, "file": ""},
        "text": text,
        "problems": in_order(wrong.fields, _TITLES) if wrong else {},
        "wrong_text": str(wrong) if wrong and not wrong.fields else "",
        "most_lines": MOST_LINES,
        "most_mb": MOST_BYTES // 10**6,
    }
    return Page(template="web/directory_import.html", values=values, status=422 if wrong else 200)


def _plan_page(
    visit: PageVisit, plan: Plan, packed: str, differing: list[Planned] | None = None
) -> Page:
    """`differing` are the lines that would now do something else than the page before showed."""
    values = {
        **around(visit, "import"),
        "plan": plan,
        "packed": packed,
        "differing": differing or [],
        "counts": {key: len(plan.of(key)) for key in ("added", "changed", "left", "refused")},
    }
    status = 409 if differing else 200
    return Page(template="web/directory_import_plan.html", values=values, status=status)


ROUTES = (show_import, download_example, check, apply)
