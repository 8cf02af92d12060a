"""Ctrl-C and SIGTERM, as a load hears them."""

from __future__ import annotations

import signal
import threading

import pytest

from agent_perf.cli.interruption import interruptible


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_ends_in_order_and_the_second_at_once(number: signal.Signals) -> None:
    """
    What runs is told once; afterwards signals are heard by those who heard them before.
    """
    before = signal.getsignal(number)
    asked = []

    def end() -> bool:
        asked.append("end")
        return True

    with pytest.raises(KeyboardInterrupt), interruptible(end) as interruption:
        signal.raise_signal(number)
        assert interruption.came
        signal.raise_signal(number)

    assert ["end"] == asked
    assert before is signal.getsignal(number)


def test_nothing_to_be_told_ends_at_once() -> None:
    """
    What has not begun yet is interrupted as anything else.
    """
    with pytest.raises(KeyboardInterrupt), interruptible(lambda: False) as interruption:
        signal.raise_signal(signal.SIGTERM)

    assert not interruption.came


def test_another_thread_hears_no_signals() -> None:
    """
    There it does nothing, as Python lets the main thread alone hear signals.
    """
    seen = []

    def work() -> None:
        with interruptible(lambda: True) as interruption:
            seen.append(interruption.came)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

    assert [False] == seen
