"""A failure stands for a moment: it is not asked again at once, and not remembered for ever."""

from __future__ import annotations

import pytest

from obce_core.errors import ModelError, ObceError
from obce_core.storage.recent_failures import Failures


class Hub:
    """Something that is away, and counts who asks."""

    def __init__(self) -> None:
        self.asked, self.now, self.away = 0, 0.0, True
        self.failures = Failures(ObceError, seconds=30, clock=lambda: self.now)

    def ask(self, key: str = "a") -> str:
        return self.failures.run(key, self._work)

    def _work(self) -> str:
        self.asked += 1
        if self.away:
            raise ModelError("The hub is away.")
        return "here"


def test_a_failure_is_raised_again_without_work_until_its_time_is_over() -> None:
    hub = Hub()
    for now in (0.0, 10.0, 29.9):
        hub.now = now
        with pytest.raises(ModelError, match="away"):
            hub.ask()
    assert hub.asked == 1
    hub.away, hub.now = False, 30.0
    assert hub.ask() == "here" and hub.asked == 2


def test_another_question_is_asked_and_forgetting_asks_at_once() -> None:
    hub = Hub()
    for key in ("a", "b", "a"):
        with pytest.raises(ModelError):
            hub.ask(key)
    assert hub.asked == 2
    hub.away = False
    hub.failures.forget()
    assert hub.ask() == "here"


def test_other_errors_and_old_keys_are_not_kept() -> None:
    hub = Hub()
    for at in range(200):
        with pytest.raises(ModelError):
            hub.ask(str(at))
    assert len(hub.failures._found) == 64
    with pytest.raises(ZeroDivisionError):
        hub.failures.run("x", lambda: 1 // 0)
    assert hub.failures.run("x", lambda: 1) == 1
