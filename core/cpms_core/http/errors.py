"""The one mapping from errors to HTTP, and the page a person sees."""

import errno
import logging
from typing import Any
from urllib.parse import quote

from litestar import Request
from litestar.exceptions import HTTPException

from cpms_core.answers import Answer, Data, Page, Redirect
from cpms_core.datasets.records import UnreadableRecordError
from cpms_core.errors import (
    DISK_REFUSES,
    NO_ROOM,
    ConflictError,
    ConsentMissingError,
    CpmsError,
    ForbiddenError,
    FullError,
    InvalidError,
    NotFoundError,
    SignInNeededError,
    StoreUnavailableError,
    TokenRefusedError,
    TooLargeError,
    TooManyError,
    TwoSignInsError,
)
from cpms_core.http.incoming import bearers
from cpms_core.http.site import LiveSite
from cpms_core.patients.vault import VaultError

log = logging.getLogger("cpms")

ERROR_TEMPLATE = "web/error.html"

_STATUS: tuple[tuple[type[CpmsError], int, str], ...] = (
    (SignInNeededError, 401, "Please sign in"),
    (NotFoundError, 404, "Nothing here"),
    (ForbiddenError, 403, "That is not yours to do"),
    (ConsentMissingError, 403, "A consent is missing"),
    (TwoSignInsError, 400, "Please check what was sent"),
    (InvalidError, 422, "Please check what was sent"),
    (ConflictError, 409, "Somebody else was faster"),
    (UnreadableRecordError, 409, "This record needs another form"),
    (VaultError, 503, "The identity cannot be opened"),
    (TooLargeError, 413, "That is too large"),
    (TooManyError, 429, "One moment"),
    (FullError, 503, "The site is full right now"),
    (StoreUnavailableError, 503, "The site cannot save right now"),
)


def page_for(error: Exception, request: Request[Any, Any, Any], *, is_json: bool) -> Answer:
    """What a person sees of this error; the details of a fault of ours go to the log only."""
    if isinstance(error, SignInNeededError) and request.method == "GET" and not is_json:
        return Redirect(f"/sign-in?next={quote(request.url.path)}")
    told = _of_the_disk(error)
    if told is not error:
        log.error("the disk refuses: %s", error)
    status, title, message = _described(told)
    fields = error.fields if isinstance(error, InvalidError) else {}
    if is_json:
        return Data(value={"error": message, "fields": fields}, status=status)
    values = {"status": status, "title": title, "message": message, "fields": fields}
    return Page(template=ERROR_TEMPLATE, values=values, block="main", status=status)


def _described(error: Exception) -> tuple[int, str, str]:
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return status, title, str(error)
    if isinstance(error, HTTPException) and error.status_code < 500:  # noqa: PLR2004 - the server's own faults
        return error.status_code, "That did not work", _WORDS.get(error.status_code, _REFUSED)
    log.error("unexpected", exc_info=error)
    return 500, "Something went wrong here", _OURS


def wants_json(request: Request[Any, Any, Any]) -> bool:
    """A script of ours says so; a machine reads no pages."""
    return "application/json" in request.headers.get("accept", "") or bool(bearers(request))


def headers_for(error: Exception) -> dict[str, str]:
    """What tells programs the same as the sentence tells people: how, or when, to try again."""
    error = _of_the_disk(error)
    if isinstance(error, TokenRefusedError):
        return {"WWW-Authenticate": 'Bearer error="invalid_token"'}  # RFC 6750 section 3.1
    if isinstance(error, TooManyError | FullError | StoreUnavailableError):
        return {"Retry-After": str(error.retry_after)}
    return {}


def _of_the_disk(error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return StoreUnavailableError(DISK_REFUSES)
    return error


_NO_ROOM = NO_ROOM | {errno.EMFILE, errno.ENFILE, errno.ENOMEM}
_REFUSED = "The site could not make sense of what the browser sent. Nothing was changed."
_OURS = (
    "This is a fault of the site, not yours, and it has been noted. Nothing of this step was kept; "
    "what you saved before is safe. Please try again, and tell your administrator if it stays."
)
_WORDS = {
    404: "There is nothing at this address. It may have been moved or never existed.",
    405: "This address does not do that.",
    413: "That is more than this site accepts at once. Nothing of it was kept.",
}


def ensure_same_site(request: Request[Any, Any, Any], site: LiveSite) -> None:
    """Refuse what another site made the browser send (Fetch Metadata, then Origin)."""
    fetched_from = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if fetched_from is not None:
        # Under `Referrer-Policy: no-referrer` the Origin of our own forms is "null".
        is_foreign = fetched_from not in {"same-origin", "none"} or origin not in {
            None,
            "null",
            site.origin,
        }
    else:
        is_foreign = origin not in {None, site.origin}
    if is_foreign:
        raise ForbiddenError("This was sent from another site, so nothing was done.")


def ensure_not_embedded(request: Request[Any, Any, Any]) -> None:
    """Another site may lead people to a page of ours, and show or read nothing of ours in its own.

    Browsers that tell nothing still heed the cookie's SameSite and the answer's resource policy.
    """
    is_foreign = request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    is_opened = request.headers.get("sec-fetch-mode") == "navigate"
    is_page = request.headers.get("sec-fetch-dest", "document") == "document"
    if is_foreign and not (is_opened and is_page):
        raise ForbiddenError("Another site asked for this, so it is not shown there.")
