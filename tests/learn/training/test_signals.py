"""Signals wait for the end of a batch: an exception raised within one may be lost."""

import signal
import threading

import pytest

from mnist_classifier.learn.training import signals
from mnist_classifier.learn.training.signals import SignalsDeferred
from tests.learn.conftest import CtrlCWhenCollected

pytestmark = pytest.mark.usefixtures("ctrl_c_handler")
NUMBERS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


@pytest.fixture
def called():
    """The signals that were handled, by a handler of each that does not raise."""
    numbers = []
    before = {n: signal.signal(n, lambda number, _: numbers.append(number)) for n in NUMBERS}
    yield numbers
    for number, handler in before.items():
        signal.signal(number, handler)


def test_a_signal_waits_until_it_is_handled():
    done = []
    with pytest.raises(KeyboardInterrupt), SignalsDeferred() as deferred:
        deferred.handle()
        CtrlCWhenCollected()
        done.append("rest of the batch")
        deferred.handle()
        done.append("next batch")
    assert done == ["rest of the batch"]


def test_a_signal_is_handled_at_the_end_at_the_latest():
    done = []
    with pytest.raises(KeyboardInterrupt), SignalsDeferred():
        CtrlCWhenCollected()
        done.append("rest")
    assert done == ["rest"]


@pytest.mark.parametrize("number", NUMBERS)
def test_each_signal_that_ends_a_training_is_handled_once_and_later(called, number):
    with SignalsDeferred() as deferred:
        signal.raise_signal(number)
        assert not called
        deferred.handle()
        deferred.handle()
    assert called == [number]


@pytest.mark.parametrize(
    ("second", "as_one", "at_once"),
    [(NUMBERS[1], 60, [NUMBERS[1]]), (NUMBERS[0], 0, [NUMBERS[0]]), (NUMBERS[0], 60, [])],
)
def test_a_second_signal_is_handled_at_once_unless_it_is_the_first_sent_twice(
    called, monkeypatch, second, as_one, at_once
):
    monkeypatch.setattr(signals, "_AS_ONE", as_one)
    with SignalsDeferred():
        signal.raise_signal(NUMBERS[0])
        signal.raise_signal(second)
        assert called == at_once
    assert called == [*at_once, NUMBERS[0]]


def test_an_error_is_not_replaced_by_a_signal():
    with pytest.raises(OSError, match="full"), SignalsDeferred():
        signal.raise_signal(signal.SIGINT)
        raise OSError("full")


def test_handlers_that_change_between_two_uses_stay_changed(called, ctrl_c_handler):
    deferred = SignalsDeferred()
    with deferred:
        pass
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with deferred:
        signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, ctrl_c_handler) == signal.SIG_IGN


@pytest.mark.parametrize("moment", ["begin", "end"])
def test_handlers_are_restored_though_a_signal_comes_meanwhile(called, monkeypatch, moment):
    own = {number: signal.getsignal(number) for number in NUMBERS}
    install = signal.signal
    now = {"moment": "begin"}

    def interrupted(number, handler):
        install(number, handler)
        if now["moment"] == moment and number == NUMBERS[-1]:
            raise KeyboardInterrupt

    monkeypatch.setattr(signal, "signal", interrupted)
    with pytest.raises(KeyboardInterrupt), SignalsDeferred():
        now["moment"] = "end"
    monkeypatch.undo()
    assert {number: signal.getsignal(number) for number in NUMBERS} == own


def test_another_thread_defers_nothing(ctrl_c_handler):
    seen = []

    def work():
        with SignalsDeferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [ctrl_c_handler]
