"""What an administrator sets: `site.toml` in the data folder. Everything has a default."""

from pathlib import Path

import msgspec

from cpms_core.errors import CpmsError


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
    idle_minutes: int = 15
    session_hours: int = 12
    max_upload_mb: int = 512


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
    # A JSON string, number, boolean or list of strings is also valid TOML.
    return msgspec.json.encode(value).decode()
