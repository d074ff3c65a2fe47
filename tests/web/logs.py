"""What the program wrote to its log while a test ran."""

import logging

import pytest


def every_line(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """As the server writes them: each record in its format, and what went past it."""
    printed = capfd.readouterr()
    formatter = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    # The test's own client notes the addresses it asks for.
    ours = [record for record in caplog.records if record.name not in {"httpx", "asyncio"}]
    records = [formatter.format(record) for record in ours]
    return [*records, printed.out, printed.err]
