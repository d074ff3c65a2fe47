"""Turn a handler's answer into a response, with the headers every response carries."""

import secrets
import sys
from typing import Any
from urllib.parse import quote

import msgspec
from anyio import CancelScope
from litestar import Response

from cpms_core.answers import Answer, Data, File, Live, Page, Redirect, Stream
from cpms_core.http.live import Signs
from cpms_core.http.pieces import Over, Pieces, in_thread, pieces_of
from cpms_core.http.render import Rendering, Templates

COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    # Browsers heed it on https only, as RFC 6797 section 8.1 says.
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
NO_STORE = {"Cache-Control": "no-store"}
LARGE = 2**20
"""Files of more bytes are sent in pieces; frames of images, which are many, at once."""


def content_security_policy(
    nonce: str = "", *, wasm: bool = False, forms_to: tuple[str, ...] = ()
) -> str:
    """Nothing from elsewhere, nothing inline. WebAssembly only on the pages that ask for it."""
    script = f"'self' 'nonce-{nonce}'" if nonce else "'none'"
    if wasm:
        script += " 'wasm-unsafe-eval'"
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {script}",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "manifest-src 'self'",
            # Chromium also asks it where a form's redirect leads.
            " ".join(["form-action 'self'", *forms_to]),
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "object-src 'none'",
        ]
    )


def respond(
    answer: Answer,
    templates: Templates,
    rendering: Rendering,
    over: Over = CancelScope,
    signs: Signs | None = None,
) -> Response[Any]:
    """The response for any answer; `rendering` is what templates know of this request.

    What takes long to send is sent inside of `over`, and ends with it.
    """
    match answer:
        case Page():
            return _page(answer, templates, rendering)
        case Redirect(to=to):
            # HTMX follows a 303 inside its own request; for it, the browser must go there.
            location = {"HX-Redirect" if rendering.is_htmx else "Location": _in_a_header(to)}
            status = 200 if rendering.is_htmx else 303
            return _response(b"", status, "text/plain; charset=utf-8", location)
        case Data(value=value, status=status):
            return _response(msgspec.json.encode(value), status, "application/json")
        case File():
            return _file(answer, over)
        case Stream(chunks=chunks, media_type=media_type, download_as=name):
            headers = _headers(_disposition(name))
            return Pieces(in_thread(chunks), over, media_type=_plain(media_type), headers=headers)
        case Live():
            assert signs is not None, "nobody is signed in"
            # A proxy that gathers an answer would keep the signs for itself.
            headers = _headers({"X-Accel-Buffering": "no"})
            return Pieces(signs(answer), over, media_type="text/event-stream", headers=headers)


def _in_a_header(address: str) -> str:
    """What no header can hold, as browsers would write it; what is encoded stays as it is."""
    return quote(address, safe="!#$%&'()*+,/:;=?@[]~")


def _page(page: Page, templates: Templates, rendering: Rendering) -> Response[Any]:
    nonce = secrets.token_urlsafe(16)
    html = templates.render(page, rendering, nonce)
    headers = {
        "Vary": "HX-Request",
        "Content-Security-Policy": content_security_policy(
            nonce, wasm=page.wasm, forms_to=page.forms_to
        ),
    }
    return _response(html.encode(), page.status, "text/html", headers)


def _file(file: File, over: Over) -> Response[Any]:
    # Whatever a stored file claims to be, the browser must not run it on our origin.
    sandboxed = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    headers = {**sandboxed, **_disposition(file.download_as), **file.headers}
    offset, length = file.part or (0, sys.maxsize)
    content = file.content
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    length = min(length, max(size - offset, 0))
    if length <= LARGE:
        whole = b"".join(pieces_of(content, offset, length, length))
        return _response(whole, 200, file.media_type, headers)
    return Pieces(
        in_thread(pieces_of(content, offset, length)),
        over,
        media_type=_plain(file.media_type),
        headers=_headers({**headers, "Content-Length": str(length)}),
    )


def _disposition(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _response(
    content: bytes, status: int, media_type: str, headers: dict[str, str] | None = None
) -> Response[Any]:
    return Response(
        content, status_code=status, media_type=_plain(media_type), headers=_headers(headers or {})
    )


def _headers(own: dict[str, str]) -> dict[str, str]:
    policy = {"Content-Security-Policy": content_security_policy()}
    return {**COMMON_HEADERS, **NO_STORE, **policy, **own}


def _plain(media_type: str) -> str:
    """The framework adds the charset of text by itself."""
    return media_type.removesuffix("; charset=utf-8")
