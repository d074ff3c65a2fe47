"""Attempts are counted in the store, for all workers alike."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine, func, select

from cpms_core.attempts import WINDOW, AttemptCount, count_attempt
from cpms_core.clock import clock
from cpms_core.db import transaction
from cpms_core.errors import TooManyError


def is_let_in(engine: Engine, who: str = "10.0.0", most: int = 5) -> bool:
    try:
        with transaction(engine) as session:
            count_attempt(session, "sign-in", who, most)
    except TooManyError:
        return False
    return True


@pytest.fixture(autouse=True)
def _at_the_start_of_a_window() -> None:
    into = clock.now().timestamp() % WINDOW.seconds
    clock.offset += WINDOW - timedelta(seconds=into) + timedelta(seconds=1)


def test_after_so_many_the_next_one_waits_for_the_next_window(engine: Engine) -> None:
    assert [is_let_in(engine) for _ in range(7)] == [True] * 5 + [False] * 2
    with pytest.raises(TooManyError) as told, transaction(engine) as session:
        count_attempt(session, "sign-in", "10.0.0", 5)
    assert 0 < told.value.retry_after <= WINDOW.seconds
    assert is_let_in(engine, who="10.0.1")
    clock.offset += WINDOW
    assert is_let_in(engine)


def test_workers_at_the_same_moment_are_all_counted(engine: Engine) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: is_let_in(engine), range(20))) == 5


def test_old_counts_are_forgotten(engine: Engine) -> None:
    for number in range(10):
        is_let_in(engine, who=str(number))
    clock.offset += 3 * WINDOW
    is_let_in(engine)
    with transaction(engine, read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(AttemptCount)) == 1
