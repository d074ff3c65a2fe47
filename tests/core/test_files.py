import errno
import hashlib
import io
import os
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from cpms_core.clock import clock
from cpms_core.errors import NotFoundError, StoreUnavailableError, TooLargeError
from cpms_core.files import FileStore

TEXT = b"a slice of bread" * 1000
NAME = hashlib.sha256(TEXT).hexdigest()
STRANGE_NAMES = ["", "..", "../" * 22, NAME.upper(), NAME[:-1], NAME + "0", NAME + "\n", "/" + NAME]


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@pytest.fixture
def later() -> Iterator[None]:
    clock.offset = timedelta(hours=2)
    yield
    clock.offset = timedelta()


def everything(store: FileStore) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


def test_a_file_is_found_by_its_content(store: FileStore) -> None:
    stored = store.add(io.BytesIO(TEXT))
    assert (stored.sha256, stored.size) == (NAME, len(TEXT))
    assert store.path(NAME) == store.root / NAME[:2] / NAME[2:4] / NAME
    with store.open(NAME) as file:
        assert file.read() == TEXT
    assert store.exists(NAME) and store.verify(NAME)


def test_a_file_on_disk_is_copied_and_left_where_it_is(store: FileStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(TEXT)
    assert store.add(source).sha256 == NAME
    assert source.read_bytes() == TEXT


def test_a_stream_is_taken_from_where_it_stands(store: FileStore) -> None:
    stream = io.BytesIO(b"head" + TEXT)
    stream.seek(4)
    assert store.add(stream).sha256 == NAME


def test_an_empty_file_is_a_file(store: FileStore) -> None:
    stored = store.add(io.BytesIO())
    assert stored.size == 0 and store.verify(stored.sha256)


def test_a_file_larger_than_memory_chunks_keeps_its_bytes(store: FileStore) -> None:
    large = os.urandom(3 * 1024 * 1024 + 7)
    stored = store.add(io.BytesIO(large))
    assert stored.sha256 == hashlib.sha256(large).hexdigest()
    assert store.path(stored.sha256).read_bytes() == large


def test_stored_files_are_their_owners_alone(store: FileStore) -> None:
    path = store.path(store.add(io.BytesIO(TEXT)).sha256)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_upload_is_adopted_without_copying(store: FileStore) -> None:
    incoming = store.incoming()
    incoming.write_bytes(TEXT)
    inode = incoming.stat().st_ino
    stored = store.adopt(incoming)
    assert (stored.sha256, stored.size) == (NAME, len(TEXT))
    assert store.path(NAME).stat().st_ino == inode
    assert not incoming.exists()


def test_only_an_incoming_file_is_adopted(store: FileStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(TEXT)
    with pytest.raises(ValueError, match="incoming"):
        store.adopt(outside)
    assert outside.exists()


def test_the_same_content_is_stored_once(store: FileStore) -> None:
    assert store.add(io.BytesIO(TEXT)) == store.add(io.BytesIO(TEXT))
    assert everything(store) == [store.path(NAME)]


def test_many_writers_of_one_content_agree(store: FileStore) -> None:
    barrier = threading.Barrier(8)

    def write(_: int) -> str:
        barrier.wait()
        return store.add(io.BytesIO(TEXT)).sha256

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(write, range(8))) == {NAME}
    assert store.verify(NAME)
    assert everything(store) == [store.path(NAME)]


def test_adding_a_damaged_file_again_heals_it(store: FileStore) -> None:
    store.add(io.BytesIO(TEXT))
    store.path(NAME).write_bytes(b"damaged")
    assert not store.verify(NAME)
    store.add(io.BytesIO(TEXT))
    assert store.verify(NAME)


@pytest.mark.parametrize("name", STRANGE_NAMES, ids=ascii)
def test_only_a_sha256_names_a_file(store: FileStore, name: str) -> None:
    store.add(io.BytesIO(TEXT))
    for ask in (store.path, store.exists, store.open, store.verify, store.remove):
        with pytest.raises(NotFoundError):
            ask(name)
    assert store.exists(NAME)


def test_a_file_that_is_not_there_is_told(store: FileStore) -> None:
    assert not store.exists(NAME)
    with pytest.raises(NotFoundError, match="missing"):
        store.open(NAME)


def test_too_large_a_file_leaves_nothing_behind(store: FileStore) -> None:
    store.add(io.BytesIO(TEXT), max_size=len(TEXT))
    store.remove(NAME)
    with pytest.raises(TooLargeError, match="not kept"):
        store.add(io.BytesIO(TEXT), max_size=len(TEXT) - 1)
    assert everything(store) == []


def test_a_stream_that_breaks_off_leaves_nothing_behind(store: FileStore) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise ConnectionError("gone")
            return super().read(min(size or 10, 10))

    with pytest.raises(StoreUnavailableError):
        store.add(Broken(TEXT))
    assert everything(store) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
@pytest.mark.parametrize("call", range(1, 5))
def test_a_disk_that_refuses_is_told_and_nothing_is_named(
    store: FileStore, monkeypatch: pytest.MonkeyPatch, code: int, call: int
) -> None:
    real, calls = os.fsync, 0

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(code, os.strerror(code))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreUnavailableError, match="not kept"):
        store.add(io.BytesIO(TEXT))
    assert everything(store) == []
    assert store.add(io.BytesIO(TEXT)).sha256 == NAME


def test_a_failed_name_on_disk_is_no_success(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(io.BytesIO(TEXT))
    real, calls = os.fsync, 0

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.EIO, "I/O error")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(StoreUnavailableError):
        store.add(io.BytesIO(TEXT))
    assert store.verify(NAME), "the file an older row names is still there"


def test_the_bytes_and_every_name_are_on_disk_before_success(
    store: FileStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def watching(descriptor: int) -> None:
        real(descriptor)
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", watching)
    path = store.path(store.add(io.BytesIO(TEXT)).sha256)
    assert synced[0].startswith(str(store.root / "tmp"))
    assert synced[-1] == str(path.parent)
    assert {str(path.parent.parent), str(store.root), str(store.root.parent)} <= set(synced)


def test_a_full_disk_is_told(store: FileStore) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    incoming = store.incoming()
    incoming.unlink()
    incoming.symlink_to(full)
    store.incoming = lambda: incoming  # type: ignore[method-assign]  # the disk, not the store
    with pytest.raises(StoreUnavailableError, match="No space left"):
        store.add(io.BytesIO(TEXT))


def test_a_store_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "files").write_bytes(b"a file in the folder's place")
    with pytest.raises(StoreUnavailableError):
        FileStore(tmp_path / "files").add(io.BytesIO(TEXT))


def test_a_removed_file_is_gone_and_may_be_removed_again(store: FileStore) -> None:
    store.add(io.BytesIO(TEXT))
    for _ in range(2):
        store.remove(NAME)
        assert not store.exists(NAME)


def test_all_files_are_listed_in_order_and_nothing_else(store: FileStore) -> None:
    names = sorted(store.add(io.BytesIO(str(n).encode())).sha256 for n in range(20))
    store.incoming()
    (store.root / "readme.txt").write_text("not a stored file")
    store.path(names[0]).with_name("stray").write_text("neither")
    assert [stored.sha256 for stored in store.iter_all()] == names
    assert {stored.size for stored in store.iter_all()} == {1, 2}


def test_an_empty_store_lists_nothing(store: FileStore) -> None:
    assert list(store.iter_all()) == []
    assert store.sweep(timedelta(0)) == 0


def test_fresh_files_can_be_left_out_of_the_list(store: FileStore) -> None:
    store.add(io.BytesIO(TEXT))
    assert list(store.iter_all(older_than=timedelta(hours=1))) == []


@pytest.mark.usefixtures("later")
def test_old_files_are_listed(store: FileStore) -> None:
    store.add(io.BytesIO(TEXT))
    assert [stored.sha256 for stored in store.iter_all(older_than=timedelta(hours=1))] == [NAME]


def test_running_uploads_are_not_swept(store: FileStore) -> None:
    incoming = store.incoming()
    assert store.sweep(timedelta(hours=1)) == 0
    assert incoming.exists()


@pytest.mark.usefixtures("later")
def test_what_a_crash_left_is_swept(store: FileStore) -> None:
    incoming = store.incoming()
    store.add(io.BytesIO(TEXT))
    assert store.sweep(timedelta(hours=1)) == 1
    assert not incoming.exists()
    assert store.exists(NAME)
