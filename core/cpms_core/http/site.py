"""The running site: what every request needs, made once and never changed.

Toggling a plugin makes another LiveSite beside this one; running requests finish with theirs.
"""

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.x509 import load_pem_x509_certificates
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from cpms_core.access import Standing
from cpms_core.actor import Actor
from cpms_core.db import transaction
from cpms_core.declarations import Aggregates
from cpms_core.errors import CpmsError
from cpms_core.files import FileStore
from cpms_core.http.addresses import read_networks
from cpms_core.http.assets import Assets
from cpms_core.http.limits import Limiter
from cpms_core.http.live import Hub
from cpms_core.http.render import Templates
from cpms_core.http.watching import Watch
from cpms_core.identity.ceremony import KeyPolicy
from cpms_core.identity.key_models import problems
from cpms_core.keys import SiteKey
from cpms_core.panels.aggregates import SiteAggregates
from cpms_core.plugins.host import PluginFailure
from cpms_core.registry import Registry
from cpms_core.settings import Settings, Site
from cpms_core.shared_commit import SharedCommit

log = logging.getLogger("cpms")


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
        self.shared_commit = SharedCommit()
        self.watch = Watch(self.reading, site.settings)
        self.hub = Hub(self.reading)
        # Not on first use: a wrong certificate has to be said when the site starts.
        self.key_policy = key_policy(site.settings)
        if self.key_policy.allowed_aaguids is not None:
            with transaction(engine, read_only=True) as session:
                for problem in problems(session, self.key_policy):
                    log.warning(problem)
        self.trusted_proxies = read_networks(site.settings.trusted_proxies)

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
    def openid_cookie(self) -> str:
        return "__Host-openid" if self.is_secure else "openid"

    @cached_property
    def plugin_permissions(self) -> Mapping[str, frozenset[Standing]]:
        return {
            key: frozenset(Standing(name) for name in permission.standings)
            for key, permission in self.registry.permissions.items()
        }

    def reading(self) -> AbstractContextManager[Session]:
        """A transaction that only reads."""
        return transaction(self.engine, read_only=True)

    def aggregates(self, session: Session, actor: Actor) -> Aggregates:
        return SiteAggregates(session, actor, self.registry)


def key_policy(settings: Settings) -> KeyPolicy:
    """Which keys these settings accept; CpmsError if a maker's certificate cannot be read.

    What the imported metadata adds to it is asked for at each ceremony (`key_models`).
    """
    address = urlsplit(settings.base_url)
    allowed = frozenset(name.strip().lower() for name in settings.allowed_aaguids)
    roots = read_roots(Path(settings.attestation_roots)) if settings.attestation_roots else {}
    return KeyPolicy(
        allowed_aaguids=None if settings.demonstration else allowed,
        roots=roots,
        rp_id=address.hostname or "localhost",
        rp_name=settings.site_name,
        origin=f"{address.scheme}://{address.netloc}",
    )


def read_roots(folder: Path) -> dict[str, tuple[bytes, ...]]:
    """Model → its maker's certificates, of `<aaguid>.pem`; CpmsError names a wrong file."""
    if not folder.is_dir():
        raise CpmsError(f"The folder of makers' certificates, {folder}, does not exist.")
    found = {path.stem.lower(): (path, path.read_bytes()) for path in sorted(folder.glob("*.pem"))}
    for path, pem in found.values():
        try:
            load_pem_x509_certificates(pem)
        except ValueError as error:
            raise CpmsError(f"{path} holds no certificate in PEM: {error}.") from error
    return {model: (pem,) for model, (_, pem) in found.items()}
