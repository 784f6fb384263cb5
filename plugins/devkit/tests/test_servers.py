"""Real servers: started as nobody on free ports, hurt and brought back with their data, and left
out only by name.
"""

from __future__ import annotations

import os
import socket
import sys

import psutil
import pytest
from hansa_devkit.faults import Proxy
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_devkit.servers import RealServer
from hansa_devkit.servers_redis import Redis, Valkey
from hansa_devkit.servers_sql import MariaDB, PostgreSQL
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

pytest_plugins = ["pytester"]
ECHO = """
import asyncio, sys

async def serve(reader, writer):
    while data := await reader.read(100):
        writer.write(data)
    writer.close()

async def main():
    print("up", flush=True)
    await (await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))).serve_forever()

asyncio.run(main())
"""


class Echo(RealServer):
    name, package, programs, as_nobody = "echo", "python3", (sys.executable,), False

    def prepare(self):
        self.write("echo.py", ECHO)

    def command(self):
        return [sys.executable, "-I", "echo.py", str(self.port)]


def ask(port, words=b"hello", seconds=2.0):
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(words)
        return connection.recv(100)


@pytest.mark.parametrize("cls", [PostgreSQL, MariaDB])
def test_a_database_keeps_what_it_was_told_through_a_kill(real_server, cls):
    server = real_server(cls)
    url = server.database()
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER)"))
        connection.execute(text("INSERT INTO t VALUES (42)"))
    if os.getuid() == 0:
        assert server.processes()[0].username() == "nobody"
    before = server.processes()
    server.kill()
    assert not psutil.wait_procs(before, timeout=0)[1]
    with pytest.raises(OperationalError), engine.connect():
        pass
    assert real_server(cls) is server
    with engine.connect() as connection:
        assert connection.execute(text("SELECT n FROM t")).scalar() == 42
    assert server.database() != url


@pytest.mark.parametrize("cls", [Redis, Valkey])
def test_an_engine_loads_its_file_when_it_comes_back(cls):
    with cls() as server:
        assert server.execute("SET k v") == "OK"
        server.kill()
        assert server.execute("PING") == ""
        server.options["maxmemory"] = "1"
        server.start()
        assert server.execute("SET k v").startswith("OOM ")
        assert server.execute("EXISTS k") == "1"
        folder = server.folder
    assert not folder.exists()


def test_a_paused_server_answers_when_it_goes_on():
    with Echo() as server:
        assert ask(server.port) == b"hello"
        server.pause()
        with pytest.raises(TimeoutError):
            ask(server.port, seconds=0.2)
        server.resume()
        assert ask(server.port) == b"hello"
        process, folder = server.processes()[0], server.folder
    assert not process.is_running()
    assert not folder.exists()


def test_a_server_that_runs_is_not_started_twice():
    with Echo() as server:
        before = server.processes()
        assert server.start().processes() == before
        with pytest.raises(pytest.fail.Exception, match="echo runs already"):
            server.launch()
        assert server.processes() == before


def test_a_server_that_ends_at_once_tells_what_it_said():
    class Broken(Echo):
        def command(self):
            return [sys.executable, "-c", "raise SystemExit('no such option')"]

    server = Broken()
    with pytest.raises(pytest.fail.Exception, match="echo did not start:\nno such option"):
        server.start()
    server.close()


def test_a_proxy_holds_back_resets_and_refuses():
    with Echo() as server, Proxy(server.port) as proxy:
        assert ask(proxy.port) == b"hello"
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=0.2) as connection:
            connection.sendall(b"one")
            assert connection.recv(100) == b"one"
            proxy.mode = "drop"
            connection.sendall(b"two")
            with pytest.raises(TimeoutError):
                connection.recv(100)
            with pytest.raises(TimeoutError):
                ask(proxy.port, seconds=0.2)
            proxy.mode = "pass"
            assert connection.recv(100) == b"two"
            proxy.mode = "reset"
            with pytest.raises(ConnectionResetError):
                connection.recv(100)
        with pytest.raises(ConnectionResetError):
            ask(proxy.port)
        proxy.mode = "refuse"
        with pytest.raises(ConnectionRefusedError):
            ask(proxy.port)
        assert wait_until(lambda: not proxy.connections) is True
        proxy.mode = "pass"
        assert ask(proxy.port) == b"hello"


def test_free_ports_are_not_those_of_clients():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        assert max(free_port() for _ in range(50)) < int(file.read().split()[0])


def test_what_is_missing_fails_unless_it_is_left_out_and_the_summary_tells_what_was_used(
    pytester, monkeypatch
):
    pytester.makepyfile(
        """
        import sys
        from hansa_devkit.servers import RealServer

        class Sleeper(RealServer):
            name, programs, as_nobody = "sleeper", (sys.executable,), False
            def command(self):
                return [sys.executable, "-c", "import time; time.sleep(60)"]
            def ready(self):
                return True

        class Absent(Sleeper):
            name, package, programs = "absent", "absent-server", ("absentd",)

        def test_there(real_server):
            assert real_server(Sleeper).processes()
            assert real_server(Sleeper) is real_server(Sleeper)

        def test_absent(real_server):
            real_server(Absent)
        """
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*absent: there is no absentd here:*apt-get install absent-server*",
            "real servers: sleeper 3.*",
        ]
    )
    monkeypatch.setenv("HANSA_TEST_WITHOUT", "oracle, absent")
    result = pytester.runpytest_subprocess("-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*HANSA_TEST_WITHOUT leaves out absent*"])
