import os
import signal

import pytest

from training.interrupt import Terminated, interruptible


def test_an_interrupt_that_a_library_dropped_is_raised_again_between_stages():
    previous = signal.getsignal(signal.SIGINT)
    with interruptible() as raise_if_interrupted:
        raise_if_interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    assert signal.getsignal(signal.SIGINT) is previous


def test_a_request_to_terminate_stops_a_run_like_ctrl_c():
    previous = signal.getsignal(signal.SIGTERM)
    with interruptible(), pytest.raises(Terminated):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is previous
