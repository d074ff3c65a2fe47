"""Takes up a changed `plugins.toml` while the site runs."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from cpms_core.errors import InvalidError
from cpms_core.plugins.enabled import read_enabled

log = logging.getLogger(__name__)

INTERVAL = 1.0
SETTLE = 0.1
"""Seconds after which a change is read again: an editor may be in the middle of writing."""


class PluginWatch:
    """Calls `on_change(names)` from a thread of its own whenever the file lists other names.

    A file that is gone, half written or wrong changes nothing: the plugins stay as they are and
    `error` says what is the matter until the file can be read again. The whole file is read every
    time; it is small, and times of modification miss two changes in one tick.
    """

    def __init__(
        self,
        path: Path,
        on_change: Callable[[tuple[str, ...]], None],
        *,
        names: tuple[str, ...],
        interval: float = INTERVAL,
    ) -> None:
        self.path = path
        self.names = names
        """What was last taken up; at first what the site started with."""
        self._file_error: str | None = None
        self._change_error: str | None = None
        self._on_change = on_change
        self._interval = interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="plugin-watch", daemon=True)

    @property
    def error(self) -> str | None:
        """What keeps the file's wishes from being what runs, in a sentence."""
        return self._file_error or self._change_error

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when no `on_change` is running any more."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """One look at the file; the thread does this every second."""
        try:
            names = read_enabled(self.path)
            if names != self.names:
                self._stopped.wait(SETTLE)
                if read_enabled(self.path) != names:
                    return
        except InvalidError as error:
            self._note_file_error(f"The plugins stay as they are: {error}")
            return
        self._file_error = None
        if names != self.names:
            self._take_up(names)

    def _take_up(self, names: tuple[str, ...]) -> None:
        # Marked as seen even if it fails, or a failing change would be tried every second for ever.
        self.names = names
        try:
            self._on_change(names)
        except Exception as error:
            log.exception("plugins.toml could not be taken up")
            self._change_error = f"The plugins stay as they are: {error}"
        else:
            self._change_error = None
            log.info("Plugins are now: %s", ", ".join(names) or "none")

    def _note_file_error(self, message: str) -> None:
        if message != self._file_error:
            log.warning(message)
        self._file_error = message

    def _run(self) -> None:
        while not self._stopped.wait(self._interval):
            self.look()
