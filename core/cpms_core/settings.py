"""What an administrator sets: `site.toml` in the data folder. Everything has a default."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from cpms_core.errors import CpmsError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_ISSUER = re.compile(r"https?://([\w.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?(/[\w.~/-]*)?", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class OpenIdProvider(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """Where people may say who they are, before their security key proves it: EU Login's kind."""

    key: str
    """Stands in addresses and in the audit; small letters, digits, hyphens."""
    title: str
    """What people call it."""
    issuer: str
    """As its discovery document spells it. Its endpoints must stand at the same host and port."""
    client_id: str
    client_secret_file: str = ""
    """Empty for a public client."""
    acr_values: tuple[str, ...] = ()
    """How the person must have signed in there: one of these; empty for any."""
    scopes: tuple[str, ...] = ("openid",)
    subject_claim: str = "sub"
    """The claim that is this person's for ever and nobody else's. An address is not."""
    name_claim: str = "name"
    """Shown to the person, kept nowhere."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.key) or self.key in {"finish", "key"}:
            raise ValueError(f"key {self.key!r} must be small letters, digits and hyphens")
        if not self.title.strip() or not self.client_id.strip():
            raise ValueError("title and client_id must not be empty")
        if not _ISSUER.fullmatch(self.issuer):
            raise ValueError(f"issuer {self.issuer!r} must be https://…, without ? and #")
        if not self.issuer.startswith("https:") and not self.is_loopback:
            raise ValueError(f"issuer {self.issuer!r} must be https")
        if "openid" not in self.scopes:
            raise ValueError('scopes must hold "openid"')
        if self.subject_claim in {"", "email", "preferred_username", "name"}:
            raise ValueError(f"subject_claim {self.subject_claim!r} may become somebody else's")

    @property
    def origin(self) -> str:
        address = urlsplit(self.issuer)
        return f"{address.scheme}://{address.netloc}"

    @property
    def is_loopback(self) -> bool:
        """On this machine and without https: for demonstrations and tests."""
        address = urlsplit(self.issuer)
        return address.scheme == "http" and address.hostname in _LOOPBACK


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every key of `site.toml`; docs/operations.md explains each."""

    site_name: str = "CPMS"
    demonstration: bool = False
    """Loopback only, any authenticator, invented people. Never for real patients."""
    base_url: str = "http://localhost:8000"
    """Where browsers reach the site; links and security keys are bound to it."""
    database: str = ""
    """A SQLAlchemy URL; empty for SQLite in the data folder."""
    site_key: str = ""
    """The site key's file; empty for one beside the data folder. Never inside it."""
    site_key_command: str = ""
    """A command that prints the site key, instead of a file."""
    allowed_aaguids: tuple[str, ...] = ()
    """Models of security keys that production accepts, by AAGUID."""
    attestation_roots: str = ""
    """A folder of `<aaguid>.pem` files: the makers' root certificates."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of the site's own proxies, whose X-Forwarded-For is believed."""
    openid_providers: tuple[OpenIdProvider, ...] = ()
    """Where people may say who they are; the key is needed all the same."""
    idle_minutes: int = 15
    session_hours: int = 12
    max_upload_mb: int = 512
    retention_years: int = 15
    """After the last thing that happened in a patient's cases; then the centre is asked."""

    def __post_init__(self) -> None:
        for name in ("key", "issuer"):
            values = [getattr(one, name) for one in self.openid_providers]
            if len(set(values)) < len(values):
                raise ValueError(f"openid_providers: two have the same {name}")
        if not self.demonstration and any(one.is_loopback for one in self.openid_providers):
            raise ValueError("openid_providers: issuer must be https but in a demonstration")


class Site(msgspec.Struct, frozen=True):
    """A data folder and what is set in it."""

    data: Path
    settings: Settings

    @property
    def database_url(self) -> str:
        return self.settings.database or f"sqlite:///{self.data / 'cpms.sqlite3'}"

    @property
    def site_key_path(self) -> Path:
        named = self.settings.site_key
        return Path(named) if named else self.data.with_name(self.data.name + ".key")

    @property
    def plugins_file(self) -> Path:
        return self.data / "plugins.toml"

    @property
    def files(self) -> Path:
        return self.data / "files"


def read_site(data: Path) -> Site:
    """The site in this folder; CpmsError with file, key and reason if `site.toml` is wrong."""
    data = data.resolve()
    path = data / "site.toml"
    if not path.exists():
        return Site(data, Settings())
    try:
        return Site(data, msgspec.toml.decode(path.read_bytes(), type=Settings))
    except msgspec.DecodeError as error:
        raise CpmsError(f"{path} cannot be read: {error}") from error


def write_settings(data: Path, settings: Settings) -> None:
    """Write only what differs from the defaults, so that the file stays short."""
    values = msgspec.to_builtins(settings)
    defaults = msgspec.to_builtins(Settings())
    lines = [
        f"{name} = {_toml(value)}\n" for name, value in values.items() if value != defaults[name]
    ]
    (data / "site.toml").write_text("".join(lines), encoding="utf-8")


def _toml(value: object) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(one)}' for name, one in value.items())} }}"
    # A JSON string, number or boolean is also valid TOML.
    return msgspec.json.encode(value).decode()
