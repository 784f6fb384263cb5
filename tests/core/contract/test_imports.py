"""Libraries that are imported by several threads at once."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import importlib, random, sys, threading, time

from hansa import Definition


class Slow:
    def find_spec(self, name, path=None, target=None):
        if name.startswith("urllib3"):
            time.sleep(random.random() / 50)


def load(name):
    try:
        with Definition.importing:
            importlib.import_module(name)
    except BaseException as error:
        print(name, repr(error))


sys.meta_path.insert(0, Slow())
threads = [threading.Thread(target=load, args=(name,)) for name in sys.argv[1:]]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join(60)
print("done")
"""


def test_threads_that_import_parts_of_a_library_do_not_block_each_other() -> None:
    ends = ("urllib3.util.retry", "urllib3", "requests.exceptions", "requests", "urllib3.util.ssl_")
    command = [sys.executable, "-c", PROGRAM, *ends]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "done\n"
