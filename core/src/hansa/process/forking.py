"""What runs in a template, a process that has imported what workers need and is forked for each of
them: it has one thread and no files, so that a fork of it is as good as a new interpreter.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Sequence
from typing import NoReturn, cast

from ..foundation.errors import describe
from .control import Control, close_standard_input, take_standard_input
from .prctl import die_with, name_process

TEMPLATE_NAME = "hansa-template"
"""What `ps` and `top` show of a template."""
_WORKER = "hansa.process.worker"
REQUEST_SIZE = 2**20
"""Bytes that a request of the supervisor may have."""
LOOK = 0.0002

Answer = dict[str, object]


class Template:
    """The process that this is: it does what its supervisor asks for by `pipe`.

    A request is one message, JSON: `modules` to import, and the `environment` for that, or none of
    these and the pipe of a worker that is to be forked. An answer says `pid`, of the worker, or the
    `fault`.
    """

    def __init__(self, pipe: socket.socket, supervisor: int) -> None:
        self._pipe = pipe
        self._supervisor = supervisor
        self._generators: list[random.Random] = []

    def serve(self) -> NoReturn:
        """Import what every worker needs, and then do what is asked for; end with the supervisor."""
        name_process(TEMPLATE_NAME)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # PERF: what is made while a worker starts stays; looking for garbage in it would only slow
        # the start, and copy what is shared
        gc.disable()
        imported = self._import([_WORKER])
        if not imported:
            from .worker import prepare

            prepare()
        # the supervisor may end at any time
        with contextlib.suppress(ConnectionError):
            self._answer(imported)
            self._answer_all()
        os._exit(0)

    def _answer_all(self) -> None:
        while True:
            message, numbers, _, _ = socket.recv_fds(self._pipe, REQUEST_SIZE, 1)
            if not message:
                return
            if numbers:
                self._answer(self._fork(numbers[0]))
                continue
            request = json.loads(message)
            os.environ.update(request["environment"])
            self._answer(self._import(request["modules"]))

    def _answer(self, answer: Answer) -> None:
        self._pipe.sendall(json.dumps(answer).encode())

    def _import(self, modules: Sequence[str]) -> Answer:
        """Import modules, until one does what a process that is to be forked may not do."""
        for name in modules:
            files = _open_files()
            try:
                importlib.import_module(name)
            except BaseException as error:
                return {"fault": f"{name} cannot be imported: {describe(error)}"}
            if len(os.listdir("/proc/self/task")) > 1:
                threads = ", ".join(thread.name for thread in threading.enumerate()[1:])
                return {"fault": f"{name} begins threads when it is imported ({threads or 'C'})"}
            if _open_files() - files:
                return {"fault": f"{name} opens files when it is imported"}
        # what modules have printed, each fork would print again
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        # a process that is forked would go on with the same numbers as its siblings
        self._generators += _generators(gc.get_objects())
        gc.freeze()
        return {}

    def _fork(self, control: int) -> Answer:
        """Fork a worker, and return once it is a child of the supervisor: its parent is a process
        between, which has ended.
        """
        gc.freeze()
        reading, writing = os.pipe()
        try:
            between = os.fork()
            if between == 0:
                self._fork_worker(control, reading, writing)
            os.close(writing)
            writing = -1
            told = os.read(reading, 20)
            os.waitpid(between, 0)
        except OSError as error:
            return {"fault": str(error), "errno": error.errno}
        finally:
            for number in (reading, writing, control):
                if number >= 0:
                    os.close(number)
        return {"pid": int(told)} if told else {"fault": "a worker could not be forked"}

    def _fork_worker(self, control: int, reading: int, writing: int) -> NoReturn:
        """Fork the worker, tell its process id, and end."""
        between = os.getpid()
        try:
            worker = os.fork()
            if worker == 0:
                os.close(reading)
                os.close(writing)
                self._be_worker(control, between)
            os.write(writing, str(worker).encode())
        finally:
            os._exit(0)

    def _be_worker(self, control: int, between: int) -> NoReturn:
        """Become the worker, in a session of its own."""
        try:
            from .worker import PROCESS_NAME, run

            self._pipe.close()
            name_process(PROCESS_NAME)
            os.setsid()
            while os.getppid() == between:
                time.sleep(LOOK)
            die_with(self._supervisor)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.set_inheritable(control, False)
            for generator in self._generators:
                generator.seed()
            run(Control(socket.socket(fileno=control)))
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 1)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)


def _open_files() -> set[int]:
    return {int(number) for number in os.listdir("/proc/self/fd")}


def _close_all_but(*kept: int) -> None:
    for number in _open_files() - {*kept}:
        # the one that was listed by is closed already
        with contextlib.suppress(OSError):
            os.close(number)


def _generators(objects: Iterable[object]) -> list[random.Random]:
    """Return the generators of random numbers that modules have made for themselves."""
    # `isinstance` would ask objects that stand for others what they are
    found = [one for one in objects if issubclass(type(one), random.Random)]
    return [cast(random.Random, one) for one in found if type(one) is not random.SystemRandom]


def be_forked_template(pipe: socket.socket, supervisor: int) -> NoReturn:
    """Be a template, in a process that was forked from the supervisor and has what that had."""
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with(supervisor, signal.SIGKILL)
        os.setsid()
        close_standard_input()
        _close_all_but(0, 1, 2, pipe.fileno())
        if not sys.flags.safe_path:
            # the folder of the program, or the working directory: not for plugins to be found in
            del sys.path[0]
        Template(pipe, supervisor).serve()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(1)


def main() -> NoReturn:
    """Be a template in an interpreter of its own, whose standard input is its pipe."""
    Template(take_standard_input(), os.getppid()).serve()
