"""The frames of threads are read without a collection of garbage, which would lock the process up."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading

from hansa.foundation.frames import thread_frames

PROGRAM = """
import gc, threading
from hansa.foundation.frames import thread_frames

class Cycle:
    def __init__(self):
        self.local = threading.local()
        self.itself = self

def read():
    return thread_frames()

for _ in range(300):
    gc.set_threshold(100_000)
    Cycle()
    gc.set_threshold(1)
    read()
"""


def test_garbage_with_locals_of_threads_does_not_lock_the_process_up():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_the_frame_of_this_thread_is_among_them_and_garbage_is_collected_as_before():
    assert thread_frames()[threading.get_ident()].f_code.co_name.startswith("t")
    assert gc.isenabled()
    gc.disable()
    try:
        thread_frames()
        assert not gc.isenabled()
    finally:
        gc.enable()
