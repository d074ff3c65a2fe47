"""Turn a handler's answer into a response, with the headers every response carries."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
from litestar import Response
from litestar.response import Stream as LitestarStream

from cpms_core.answers import Answer, Data, File, Page, Redirect, Stream
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


def respond(answer: Answer, templates: Templates, rendering: Rendering) -> Response[Any]:
    """The response for any answer; `rendering` is what templates know of this request."""
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
            return _file(answer)
        case Stream(chunks=chunks, media_type=media_type, download_as=name):
            headers = {
                **COMMON_HEADERS,
                **NO_STORE,
                **_disposition(name),
                "Content-Security-Policy": content_security_policy(),
            }
            return LitestarStream(chunks, media_type=media_type, headers=headers)


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


def _file(file: File) -> Response[Any]:
    content = file.content
    if isinstance(content, Path):
        offset, length = file.part or (0, -1)
        with content.open("rb") as source:
            source.seek(offset)
            content = source.read(length)
    # Whatever a stored file claims to be, the browser must not run it on our origin.
    sandboxed = {"Content-Security-Policy": "default-src 'none'; sandbox"}
    headers = {**sandboxed, **_disposition(file.download_as), **file.headers}
    return _response(content, 200, file.media_type, headers)


def _disposition(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _response(
    content: bytes, status: int, media_type: str, headers: dict[str, str] | None = None
) -> Response[Any]:
    everything = {
        **COMMON_HEADERS,
        **NO_STORE,
        "Content-Security-Policy": content_security_policy(),
        **(headers or {}),
    }
    # The framework adds the charset of text by itself.
    plain = media_type.removesuffix("; charset=utf-8")
    return Response(content, status_code=status, media_type=plain, headers=everything)
