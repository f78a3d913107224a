"""Signals wait for the end of a step: an exception raised within one may be lost."""

import signal
import threading

import pytest

from mnist_classifier.learn.training.signals import SignalsDeferred


class Swallowing:
    """What the garbage collector calls loses every exception."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def handler():
    """Python's own handler of Ctrl-C, there again after the test."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def test_a_signal_waits_until_it_is_handled():
    done = []
    with pytest.raises(KeyboardInterrupt), SignalsDeferred() as signals:
        signals.handle()
        Swallowing()
        done.append("rest of the step")
        signals.handle()
        done.append("next step")
    assert done == ["rest of the step"]


def test_a_signal_is_handled_at_the_end_at_the_latest():
    done = []
    with pytest.raises(KeyboardInterrupt), SignalsDeferred():
        Swallowing()
        done.append("rest")
    assert done == ["rest"]


def test_a_second_signal_is_handled_at_once():
    with pytest.raises(KeyboardInterrupt), SignalsDeferred():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second signal waited too")


def test_a_handler_that_does_not_raise_is_called_once_and_later(handler):
    called = []
    signal.signal(signal.SIGINT, lambda number, _: called.append(number))
    with SignalsDeferred() as signals:
        signal.raise_signal(signal.SIGINT)
        assert not called
        signals.handle()
        signals.handle()
    assert called == [signal.SIGINT]
    signal.signal(signal.SIGINT, handler)


def test_ignored_signals_stay_ignored(handler):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with SignalsDeferred():
        signal.raise_signal(signal.SIGINT)
    assert signal.signal(signal.SIGINT, handler) == signal.SIG_IGN


def test_another_thread_defers_nothing(handler):
    seen = []

    def work():
        with SignalsDeferred():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [handler]
