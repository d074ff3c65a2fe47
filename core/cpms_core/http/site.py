"""The running site: what every request needs, made once and never changed.

Toggling a plugin makes another LiveSite beside this one; running requests finish with theirs.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core.access import Standing
from cpms_core.actor import Actor
from cpms_core.declarations import Aggregates
from cpms_core.files import FileStore
from cpms_core.host import PluginFailure
from cpms_core.http.assets import Assets
from cpms_core.http.limits import Limiter
from cpms_core.http.render import Templates
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.keys import SiteKey
from cpms_core.panels.aggregates import SiteAggregates
from cpms_core.registry import Registry
from cpms_core.settings import Settings, Site


class LiveSite:
    def __init__(
        self,
        site: Site,
        engine: Engine,
        key: SiteKey,
        registry: Registry,
        failures: tuple[PluginFailure, ...],
        templates: Templates,
        assets: Assets,
        limiter: Limiter,
    ) -> None:
        self.site = site
        self.engine = engine
        self.key = key
        self.registry = registry
        self.failures = failures
        self.templates = templates
        self.assets = assets
        self.limiter = limiter
        self.files = FileStore(site.files)

    @property
    def settings(self) -> Settings:
        return self.site.settings

    @cached_property
    def is_secure(self) -> bool:
        return self.settings.base_url.startswith("https://")

    @cached_property
    def origin(self) -> str:
        parts = urlsplit(self.settings.base_url)
        return f"{parts.scheme}://{parts.netloc}"

    @cached_property
    def host(self) -> str:
        return urlsplit(self.settings.base_url).netloc

    @cached_property
    def session_cookie(self) -> str:
        return "__Host-cpms" if self.is_secure else "cpms"

    @cached_property
    def flash_cookie(self) -> str:
        return "__Host-said" if self.is_secure else "said"

    @cached_property
    def plugin_permissions(self) -> Mapping[str, frozenset[Standing]]:
        return {
            key: frozenset(Standing(name) for name in permission.standings)
            for key, permission in self.registry.permissions.items()
        }

    @cached_property
    def key_policy(self) -> KeyPolicy:
        settings = self.settings
        folder = Path(settings.attestation_roots) if settings.attestation_roots else None
        roots: dict[str, tuple[bytes, ...]] = {
            path.stem: (path.read_bytes(),)
            for path in (sorted(folder.glob("*.pem")) if folder else ())
        }
        return KeyPolicy(
            allowed_aaguids=None if settings.demonstration else frozenset(settings.allowed_aaguids),
            roots=roots,
            rp_id=urlsplit(settings.base_url).hostname or "localhost",
            rp_name=settings.site_name,
            origin=self.origin,
        )

    def aggregates(self, session: Session, actor: Actor) -> Aggregates:
        return SiteAggregates(session, actor)
