"""Put a site together: store, key, plugins, templates, and the Litestar application over them."""

import logging
from collections.abc import Mapping
from typing import Any

from litestar import Litestar, MediaType, Request, Response, get
from litestar.exceptions import HTTPException
from sqlalchemy import Engine

from cpms_core import __version__
from cpms_core.db import make_engine, transaction
from cpms_core.errors import CpmsError
from cpms_core.http import errors
from cpms_core.http.assets import Assets
from cpms_core.http.hosts import one_host
from cpms_core.http.kernel import handler_for
from cpms_core.http.limits import Limiter
from cpms_core.http.outgoing import COMMON_HEADERS, NO_STORE, respond
from cpms_core.http.render import Rendering, Templates
from cpms_core.http.site import LiveSite
from cpms_core.keys import SiteKey, load_site_key
from cpms_core.plugins.host import Loaded, load
from cpms_core.settings import Site
from cpms_core.state import ensure_key, prove_writable

log = logging.getLogger("cpms")


def live_site(
    site: Site,
    loaded: Loaded,
    *,
    engine: Engine | None = None,
    key: SiteKey | None = None,
    limiter: Limiter | None = None,
) -> LiveSite:
    """The running site over these plugins; the rest may be taken over from an older one."""
    settings = site.settings
    engine = engine or make_engine(site.database_url)
    registry = loaded.registry
    packages = {name: info.package for name, info in registry.plugins.items()}
    assets = Assets(packages)
    common: Mapping[str, Any] = {
        "asset": assets.url,
        "site_name": settings.site_name,
        "is_demonstration": settings.demonstration,
        "version": __version__,
    }
    return LiveSite(
        site,
        engine,
        key or site_key(site, engine),
        registry,
        loaded.failures,
        Templates(packages, common),
        assets,
        limiter or Limiter(),
    )


def site_key(site: Site, engine: Engine) -> SiteKey:
    """The key this site was made with; another one would seal identities nobody could open."""
    key = load_site_key(site.site_key_path, site.settings.site_key_command)
    with transaction(engine) as session:
        ensure_key(session, key)
    return key


def make_app(live: LiveSite) -> Litestar:
    """Every declared route, the assets and the health page; no documentation, no debug page."""
    handlers = [handler_for(live, owner, route) for owner, route in live.registry.routes]

    def on_http_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        answer = errors.page_for(error, request, is_json=errors.wants_json(request))
        response = respond(answer, live.templates, Rendering(actor=None))
        response.headers.update(errors.headers_for(error))
        return response

    app = Litestar(
        route_handlers=[*handlers, _health(live), _assets(live)],
        exception_handlers={HTTPException: on_http_error, Exception: on_http_error},
        openapi_config=None,
        logging_config=None,
    )
    # Around everything, also around what matches no route.
    app.asgi_handler = one_host(app.asgi_handler, live)
    return app


def _health(live: LiveSite) -> Any:
    @get("/health", sync_to_thread=True)
    def health() -> Response[Any]:
        try:
            with transaction(live.engine) as session:
                prove_writable(session)
            live.files.incoming().unlink()
        except (CpmsError, OSError) as error:
            value = {"status": "error", "version": __version__, "reason": str(error)}
            return Response(value, status_code=503, headers={**COMMON_HEADERS, **NO_STORE})
        value = {"status": "ok", "version": __version__}
        return Response(value, headers={**COMMON_HEADERS, **NO_STORE})

    return health


def _assets(live: LiveSite) -> Any:
    @get("/assets/{package:str}/{mark:str}/{path:path}", sync_to_thread=False)
    def asset(request: Request[Any, Any, Any]) -> Response[bytes]:
        package, mark, path = (str(value) for value in request.path_params.values())
        gzipped = "gzip" in request.headers.get("accept-encoding", "")
        found = live.assets.find(package, mark, path.lstrip("/"), gzipped=gzipped)
        if found is None:
            return Response(b"", status_code=404, media_type=MediaType.TEXT, headers=COMMON_HEADERS)
        headers = {
            **COMMON_HEADERS,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Vary": "Accept-Encoding",
        }
        if found.encoding:
            headers["Content-Encoding"] = found.encoding
        return Response(found.content, media_type=found.media_type, headers=headers)

    return asset


def load_plugins(names: tuple[str, ...]) -> Loaded:
    loaded = load(names)
    for failure in loaded.failures:
        log.error("plugin %s is off: %s", failure.name, failure.reason)
    return loaded
