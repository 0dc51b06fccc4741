import os
import signal

import pytest

from training.interrupt import interruptible


def test_an_interrupt_that_a_library_dropped_is_raised_again_between_stages():
    previous = signal.getsignal(signal.SIGINT)
    with interruptible() as raise_if_interrupted:
        raise_if_interrupted()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            raise_if_interrupted()
    assert signal.getsignal(signal.SIGINT) is previous
