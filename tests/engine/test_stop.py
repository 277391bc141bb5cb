import signal
import threading

import pytest

from impasto.engine.errors import OptionsError
from impasto.engine.stop import Stop, Stopped


def test_nothing_happens_before_a_request():
    stop = Stop()
    stop.check()
    assert stop.reason is None


def test_the_first_reason_stays():
    stop = Stop()
    assert stop.request("time")
    assert not stop.request("other")
    assert stop.reason == "time"
    with pytest.raises(Stopped, match="time"):
        stop.check()


@pytest.mark.parametrize("reason", ["", None, 0, b"time"])
def test_a_reason_is_a_text(reason):
    stop = Stop()
    with pytest.raises(OptionsError, match="the reason of a stop must be a text, not "):
        stop.request(reason)
    stop.check()


def test_a_request_calls_the_actions_that_are_inside_only():
    stop, called = Stop(), []
    with stop.calling(lambda: called.append("inner")):
        stop.request()
    assert called == ["inner"]
    stop.request()
    assert called == ["inner"]


def test_nothing_is_entered_after_a_request():
    stop = Stop()
    stop.request()
    with pytest.raises(Stopped), stop.calling(lambda: None):
        pytest.fail("entered")


def test_a_request_reaches_every_work_but_a_work_reaches_no_other():
    shared = Stop()
    with shared.for_one_work() as first, shared.for_one_work() as second:
        first.request("callback")
        assert (first.reason, second.reason, shared.reason) == ("callback", None, None)
        shared.request("shutdown")
        assert (first.reason, second.reason) == ("callback", "shutdown")
    with shared.for_one_work() as late:
        assert late.reason == "shutdown"


def test_finished_works_are_forgotten():
    stop = Stop()
    with stop.for_one_work() as work:
        pass
    stop.request()
    assert work.reason is None


def test_many_threads_may_share_one_token():
    stop, ended = Stop(), []
    entered = threading.Barrier(9)

    def work():
        over = threading.Event()
        with stop.for_one_work() as own, own.calling(over.set):
            entered.wait()
            over.wait()
            ended.append(own.reason)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    entered.wait()
    stop.request("shutdown")
    for thread in threads:
        thread.join()
    assert ended == ["shutdown"] * 8


@pytest.mark.skipif(not hasattr(signal, "raise_signal"), reason="no signals here")
def test_a_signal_handler_may_request_while_its_own_thread_holds_the_lock():
    stop = Stop()
    before = signal.signal(signal.SIGINT, lambda number, frame: stop.request("signal"))
    try:
        with stop._lock:
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.reason == "signal"
