import os
import signal

import pytest

from training.interrupt import interruptible


def test_an_interrupt_that_a_library_swallowed_is_heard_at_the_next_step():
    before = signal.getsignal(signal.SIGINT)
    with interruptible() as check:
        check()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            check()
    assert signal.getsignal(signal.SIGINT) is before
