"""What would end this process while it imports the code of others, as far as it can be kept from
it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import threading
from collections.abc import Iterator
from typing import NoReturn


@contextlib.contextmanager
def exits_raised() -> Iterator[None]:
    """Have `os._exit` raise SystemExit in this thread and process, as long as this block lasts; a
    crash prints where it happened.
    """
    end = os._exit
    process = os.getpid()
    thread = threading.get_ident()

    def exit_or_raise(status: int) -> NoReturn:
        # a child that was forked meanwhile may end as it likes
        if (os.getpid(), threading.get_ident()) != (process, thread):
            end(status)
        raise SystemExit(f"os._exit({status})")

    if sys.__stderr__ is not None:
        faulthandler.enable(file=sys.__stderr__)  # `sys.stderr` may be no file
    os._exit = exit_or_raise
    try:
        yield
    finally:
        os._exit = end
