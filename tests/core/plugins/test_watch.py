"""A running site takes up what `plugins.toml` says, and survives whatever stands in it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cpms_core.plugins.enabled import disable, enable
from cpms_core.plugins.watch import PluginWatch

QUICK = 0.02


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "plugins.toml"
    path.write_text('enabled = ["a"]\n')
    return path


@contextmanager
def watching(path: Path, on_change: Callable[[tuple[str, ...]], None]) -> Iterator[PluginWatch]:
    watch = PluginWatch(path, on_change, names=("a",), interval=QUICK)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop()


def eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(QUICK)
    return False


def test_each_change_is_taken_up_once(path: Path) -> None:
    seen: list[tuple[str, ...]] = []
    with watching(path, seen.append):
        enable(path, "b")
        assert eventually(lambda: seen == [("a", "b")])
        disable(path, "a")
        assert eventually(lambda: seen == [("a", "b"), ("b",)])
        path.write_text(path.read_text() + "# only a comment\n")
        time.sleep(0.2)
    assert seen == [("a", "b"), ("b",)]


@pytest.mark.parametrize("fault", ['enabled = ["b"', "", "enabled = 1", None])
def test_a_wrong_or_missing_file_changes_nothing_and_is_reported(
    path: Path, fault: str | None
) -> None:
    seen: list[tuple[str, ...]] = []
    with watching(path, seen.append) as watch:
        if fault is None:
            path.unlink()
        else:
            path.write_text(fault)
        assert eventually(lambda: "stay as they are" in (watch.error or ""))
        path.write_text('enabled = ["b"]\n')
        assert eventually(lambda: watch.error is None and seen == [("b",)])


def test_a_file_seen_in_the_middle_of_a_write_is_not_taken_up(path: Path) -> None:
    seen: list[tuple[str, ...]] = []
    watch = PluginWatch(path, seen.append, names=("a",))
    with path.open("w") as half:
        half.write("enabled = []\n")
        half.flush()
        watch.look()
    assert seen == [()], "a settled file counts"

    class Busy(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            path.write_text("enabled = []\n")  # the editor goes on while the watch waits
            return super().wait(timeout)

    path.write_text('enabled = ["c"]\n')
    watch._stopped = Busy()
    watch.look()
    assert seen == [()], "what stood there for a moment does not"


def test_a_site_that_cannot_take_up_a_change_says_so_and_goes_on(path: Path) -> None:
    seen: list[tuple[str, ...]] = []

    def refuse(names: tuple[str, ...]) -> None:
        seen.append(names)
        if "bad" in names:
            raise RuntimeError("no templates")

    with watching(path, refuse) as watch:
        enable(path, "bad")
        assert eventually(lambda: "no templates" in (watch.error or ""))
        time.sleep(0.2)
        assert "no templates" in (watch.error or "")
        assert seen == [("a", "bad")], "a failing change is not tried over and over"
        disable(path, "bad")
        assert eventually(lambda: watch.error is None and seen[-1] == ("a",))
