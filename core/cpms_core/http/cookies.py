"""The cookies of this site: who is signed in, the sentence the last act left, a round trip."""

import hmac
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from litestar import Response
from litestar.datastructures import Cookie

from cpms_core.answers import Answer, Redirect
from cpms_core.http.site import LiveSite
from cpms_core.identity.openid import LASTS


def shown_once(site: LiveSite, cookies: dict[str, str], token: str) -> tuple[str, ...]:
    """The sentence the last act left for this page; only if this session itself wrote it."""
    mark, _, text = cookies.get(site.flash_cookie, "").partition(".")
    is_ours = bool(token) and hmac.compare_digest(mark.encode(), _mark(token, text))
    return (text,) if is_ours and text else ()


def _mark(token: str, text: str) -> bytes:
    return hmac.new(token.encode(), text.encode(), sha256).hexdigest().encode()


def set_cookies(
    site: LiveSite,
    response: Response[Any],
    answer: Answer,
    to_set: dict[str, str],
    token: str,
    *,
    is_flash_shown: bool,
) -> None:
    for name, value in to_set.items():
        if value:
            lasts = int(LASTS.total_seconds()) if name == site.openid_cookie else None
            response.set_cookie(_cookie(site, name, value, max_age=lasts))
        else:
            response.set_cookie(_cookie(site, name, "", max_age=0))
            response.headers["Clear-Site-Data"] = '"cache", "storage"'
    if isinstance(answer, Redirect) and answer.said and token:
        value = quote(f"{_mark(token, answer.said).decode()}.{answer.said}")
        response.set_cookie(_cookie(site, site.flash_cookie, value, max_age=60))
    elif is_flash_shown and not isinstance(answer, Redirect):  # the page it leads to shows it
        response.set_cookie(_cookie(site, site.flash_cookie, "", max_age=0))


def _cookie(site: LiveSite, name: str, value: str, max_age: int | None = None) -> Cookie:
    """Removing one takes the same attributes, or a browser leaves a `__Host-` cookie as it is."""
    return Cookie(
        name, value=value, httponly=True, secure=site.is_secure, samesite="lax", max_age=max_age
    )
