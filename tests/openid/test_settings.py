"""Providers in `site.toml`: what is nonsense is refused with the key's name."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from cpms_core.errors import CpmsError
from cpms_core.settings import OpenIdProvider, Settings, read_site, write_settings

GOOD = {
    "key": "eu-login",
    "title": "EU Login",
    "issuer": "https://ecas.example/cas/oauth2",
    "client_id": "cpms",
}


def read(folder: Path, *providers: Mapping[str, object], before: str = "") -> Settings:
    lines = [before]
    for provider in providers:
        lines += [
            "[[openid_providers]]",
            *(f"{key} = {_toml(one)}" for key, one in provider.items()),
        ]
    (folder / "site.toml").write_text("\n".join(lines))
    return read_site(folder).settings


def _toml(value: object) -> str:
    return repr(value).replace("'", '"')


def test_what_is_set_is_read_and_written_again(tmp_path: Path) -> None:
    settings = read(tmp_path, {**GOOD, "acr_values": ["two", "three"]}, before='site_name = "X"')
    (provider,) = settings.openid_providers
    assert provider.acr_values == ("two", "three") and provider.scopes == ("openid",)
    assert provider.origin == "https://ecas.example"
    write_settings(tmp_path, settings)
    assert read_site(tmp_path).settings == settings
    assert "subject_claim" not in (tmp_path / "site.toml").read_text()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "EU Login"}, "key"),
        ({"key": "finish"}, "key"),
        ({"key": ""}, "key"),
        ({"title": " "}, "title"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": 5}, "client_id"),
        ({"issuer": "http://ecas.example"}, "issuer"),
        ({"issuer": "http://localhost:3000"}, "issuer"),
        ({"issuer": "https://ecas.example?x=1"}, "issuer"),
        ({"issuer": "https://user:pw@ecas.example"}, "issuer"),
        ({"issuer": "https://ecas.example; script-src *"}, "issuer"),
        ({"issuer": "https://ecas.example#x"}, "issuer"),
        ({"issuer": "file:///etc/passwd"}, "issuer"),
        ({"issuer": "ecas.example"}, "issuer"),
        ({"scopes": ["profile"]}, "scopes"),
        ({"acr_values": "two"}, "acr_values"),
        ({"subject_claim": "email"}, "subject_claim"),
        ({"secret": "x"}, "secret"),
    ],
    ids=str,
)
def test_nonsense_is_refused_by_its_name(
    tmp_path: Path, change: dict[str, object], said: str
) -> None:
    with pytest.raises(CpmsError, match=said):
        read(tmp_path, {**GOOD, **change})


@pytest.mark.parametrize("same", ["key", "issuer"])
def test_two_providers_differ(tmp_path: Path, same: str) -> None:
    other = {**GOOD, "key": "b", "issuer": "https://b.example", same: GOOD[same]}
    with pytest.raises(CpmsError, match=f"openid_providers: two have the same {same}"):
        read(tmp_path, GOOD, other)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:3000", "[::1]:3000"])
def test_a_demonstration_may_ask_a_program_of_this_machine(tmp_path: Path, host: str) -> None:
    provider = {**GOOD, "issuer": f"http://{host}"}
    settings = read(tmp_path, provider, before="demonstration = true")
    assert settings.openid_providers[0].is_loopback
    with pytest.raises(CpmsError, match="issuer must be https but in a demonstration"):
        read(tmp_path, provider)


def test_https_on_this_machine_is_no_exception() -> None:
    provider = OpenIdProvider(key="a", title="A", issuer="https://localhost:3000", client_id="x")
    assert not provider.is_loopback
