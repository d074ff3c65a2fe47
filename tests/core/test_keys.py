import pickle
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cpms_core.keys import SiteKey, SiteKeyError, create_site_key, load_site_key

SECRET = bytes(range(32))


def test_a_new_key_is_its_owners_alone_and_loads_again(tmp_path: Path) -> None:
    path = tmp_path / "data.key"
    key = create_site_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_site_key(path).key_id == key.key_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["data.key"]


def test_a_key_that_exists_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "data.key"
    before = create_site_key(path)
    assert create_site_key(path).key_id == before.key_id


def test_servers_that_start_together_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: create_site_key(tmp_path / "data.key"), range(8)))
    assert len({key.key_id for key in keys}) == 1


def test_an_exported_key_can_be_copied_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "copy.key"
    path.touch(mode=0o600)
    path.write_text(f"  {SiteKey(SECRET).export().upper()}\r\n")
    assert load_site_key(path).key_id == SiteKey(SECRET).key_id


def test_a_command_may_yield_the_key() -> None:
    key = load_site_key(command=f"printf %s {SECRET.hex()}")
    assert key.key_id == SiteKey(SECRET).key_id


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("false", "command for the site key failed"),
        ("no-such-program-at-all", "command for the site key failed"),
        ("printf secretjunk", "64 hexadecimal digits"),
        ("printf ''", "64 hexadecimal digits"),
    ],
)
def test_a_command_that_yields_no_key_is_told(command: str, said: str) -> None:
    with pytest.raises(SiteKeyError, match=said) as caught:
        load_site_key(command=command)
    assert "secretjunk" not in str(caught.value)


def test_a_missing_key_is_told_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(SiteKeyError, match=r"no site key at .*data\.key"):
        load_site_key(tmp_path / "data.key")
    with pytest.raises(SiteKeyError, match="No place"):
        load_site_key()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "data.key"
    create_site_key(path)
    path.chmod(mode)
    with pytest.raises(SiteKeyError, match="chmod 600"):
        load_site_key(path)


@pytest.mark.parametrize(
    "text", ["", "00", "0" * 63, "0" * 65, "g" * 64, "é" * 32, "0" * 63 + "\0"]
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "data.key"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(SiteKeyError, match="64 hexadecimal digits"):
        load_site_key(path)


def test_a_folder_in_the_keys_place_is_told(tmp_path: Path) -> None:
    path = tmp_path / "data.key"
    path.mkdir(mode=0o700)
    with pytest.raises(SiteKeyError, match="cannot be read"):
        load_site_key(path)


def test_another_key_than_the_sites_is_noticed() -> None:
    mine, other = SiteKey(SECRET), SiteKey(bytes(32))
    mine.require_id(mine.key_id)
    with pytest.raises(SiteKeyError, match="not the one this site was made with"):
        other.require_id(mine.key_id)


def test_each_purpose_and_context_has_a_key_of_its_own() -> None:
    key = SiteKey(SECRET)
    derived = [
        key.derive("a"),
        key.derive("b"),
        key.derive("a", b""),
        key.derive("a", b"bc"),
        key.derive("ab", b"c"),
        key.derive("a", b"b", b"c"),
        SiteKey(bytes(32)).derive("a"),
        SECRET,
    ]
    assert len(set(derived)) == len(derived)
    assert all(len(one) == 32 for one in derived)
    assert key.derive("a", b"b") == SiteKey(SECRET).derive("a", b"b")


def test_the_secret_slips_out_of_no_log_or_pickle() -> None:
    key = SiteKey(SECRET)
    assert SECRET.hex() not in f"{key} {key!r} {key.key_id}"
    assert not hasattr(key, "__dict__")
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(SiteKeyError, match="32 bytes"):
        SiteKey(bytes(16))
