"""Commands that people run: which may be run, what is refused and why, and answers as text; in a
real server, over its Valkey and an outgoing connection.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import redis
from hansa import Invalid
from hansa_devkit.harness.api_server import ApiError, RunningServer
from hansa_redis import permitted
from hansa_redis.answer_text import LONGEST_ANSWER, MOST_LINES, answer_text
from hansa_redis.permitted import parse_command

from tests.commands import hansa


@pytest.mark.parametrize(
    ("text", "words", "effect"),
    [
        ("get a", ("GET", "a"), "reads"),
        ("HSET  \"my hash\" a 'b c'", ("HSET", "my hash", "a", "b c"), "writes"),
        ("GET $(id);`id`", ("GET", "$(id);`id`"), "reads"),
        ('SET a ""', ("SET", "a", ""), "writes"),
        ("object encoding a", ("OBJECT", "encoding", "a"), "reads"),
        ("XREAD COUNT 1 STREAMS a 0", ("XREAD", "COUNT", "1", "STREAMS", "a", "0"), "reads"),
    ],
)
def test_a_command_is_read_as_words(text: str, words: tuple[str, ...], effect: str):
    found = parse_command(text)
    assert (found.words, found.effect) == (words, effect)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("GET 'a", "cannot be read: No closing quotation"),
        ("monitor", "MONITOR is refused: its answer has no end"),
        ("SUBSCRIBE news", "its answer has no end"),
        ("DEBUG SEGFAULT", "it stops, moves, or rearranges the server"),
        ("SHUTDOWN NOSAVE", "it stops, moves, or rearranges the server"),
        ("CONFIG SET dir /", "it shows or changes settings of the server"),
        ("config get requirepass", "it shows or changes settings of the server"),
        ("SCRIPT FLUSH", "it runs code in the server"),
        ('EVAL "return 1" 0', "it runs code in the server"),
        ("FLUSHALL", "it deletes everything"),
        ("BLPOP a 0", "it waits for others"),
        ("XREAD BLOCK 0 STREAMS a 0", "XREAD with BLOCK is refused"),
        ("MULTI", "it changes the connection"),
        ("OBJECT HELP", "of OBJECT only ENCODING, FREQ, IDLETIME, REFCOUNT may be run"),
        ("SCAN 0 COUNT 1000000", "COUNT is more than 10000"),
        ("SETRANGE a 536870911 x", "the value would be longer"),
        ("SRANDMEMBER a -1000000000", "it is to return more than 10000 items"),
        ("hrandfield a -10001 WITHVALUES", "it is to return more than 10000 items"),
        ("SORT a BY b", "not among the commands that are known to do no harm"),
        ("NEW.COMMAND a", "not among the commands that are known to do no harm"),
    ],
)
def test_what_may_do_harm_is_refused_with_the_reason(text: str, fault: str):
    with pytest.raises(Invalid, match=fault):
        parse_command(text)


EXCEPTED = {"PUBLISH": {"pubsub"}, "XREAD": {"blocking"}}


def test_what_is_permitted_is_what_redis_says_it_is(address: str):
    with redis.Redis.from_url(address, protocol=2) as client:
        client.response_callbacks.clear()
        unknown, wrong = [], []
        for name in sorted(permitted.READING | permitted.WRITING):
            (info,) = client.execute_command("COMMAND INFO", name)
            if info is None:
                unknown.append(name)
                continue
            flags = {flag.decode() for flag in info[2]}
            harmful = {"admin", "blocking", "pubsub"} - EXCEPTED.get(name, set())
            if harmful & flags:
                wrong.append(f"{name}: {flags}")
            if name in permitted.READING and "write" in flags:
                wrong.append(f"{name} writes")
            if name in permitted.WRITING and "readonly" in flags and name != "TOUCH":
                wrong.append(f"{name} only reads")
    # an old Redis does not have all of them
    assert wrong == [] and len(unknown) < 10


def test_answers_are_text():
    assert answer_text(None) == ("(None)", False)
    assert answer_text([]) == ("(empty)", False)
    assert answer_text(b"a\xff\nb") == ("a\\xff\nb", False)
    assert answer_text([b"a", [1, None], []]) == (
        "1) a\n2) 1) 1\n   2) (None)\n3) (empty)",
        False,
    )
    long, is_cut = answer_text(b"x" * (LONGEST_ANSWER + 1))
    assert (len(long), is_cut) == (LONGEST_ANSWER, True)
    many, is_cut = answer_text([b"x"] * (MOST_LINES + 1))
    assert (many.count("\n"), is_cut) == (MOST_LINES - 1, True)


CONFIG = """
[security.basic.otto]
username = "otto"
password = "the long password of otto"

[account.account.otto]
roles = ["operator"]
credentials = ["otto"]

[outgoing.redis.other]
db = 3
"""
OTTO = ("otto", "the long password of otto")


@pytest.fixture(scope="module")
def server(start_shared_server: Callable[..., RunningServer]) -> RunningServer:
    return start_shared_server(CONFIG, workers=1, plugins=["redis", "roles"])


def answered(server: RunningServer, command: str, *, write: bool = False, **asked: str) -> str:
    service = "admin.redis.write" if write else "admin.redis.command"
    answer: str = server.api(service, command=command, **asked)["answer"]
    return answer


def refused(server: RunningServer, command: str, *, write: bool = False) -> str:
    with pytest.raises(ApiError) as error:
        answered(server, command, write=write)
    assert error.value.status == 400
    return str(error.value)


def test_commands_run_in_the_clusters_redis_and_by_an_outgoing_connection(server: RunningServer):
    assert answered(server, "SET greeting 'good day'", write=True) == "OK"
    assert answered(server, "GET greeting") == "good day"
    assert answered(server, "EXPIRE greeting 100", write=True) == "1"
    assert answered(server, "RPUSH list a b", write=True) == "2"
    assert answered(server, "LRANGE list 0 -1") == "1) a\n2) b"
    assert answered(server, "GET greeting", outgoing="other") == "(None)"
    answered(server, "SET greeting elsewhere", write=True, outgoing="other")
    assert answered(server, "GET greeting", outgoing="other") == "elsewhere"
    assert answered(server, "GET greeting") == "good day"
    assert "greeting" in answered(server, "KEYS *")
    assert "valkey_version" in answered(server, "INFO server")


def test_what_is_refused_says_why(server: RunningServer):
    assert "SET writes: admin.redis.write" in refused(server, "SET a b")
    assert "GET reads: admin.redis.command" in refused(server, "GET a", write=True)
    assert "Redis refuses it: wrong number of arguments" in refused(server, "GET")
    answered(server, "RPUSH somelist a", write=True)
    assert "WRONGTYPE" in refused(server, "GET somelist")
    assert "FLUSHALL is refused" in refused(server, "FLUSHALL", write=True)
    with pytest.raises(ApiError) as unknown:
        answered(server, "PING", outgoing="nothing")
    assert unknown.value.status == 404


def test_what_would_hold_up_others_is_refused(server: RunningServer):
    end = permitted.LARGEST_VALUE
    assert answered(server, f"SETRANGE large {end} x", write=True) == str(end + 1)
    assert "GET is refused: what it reads has" in refused(server, "GET large")
    assert "GETRANGE is refused" in refused(server, "GETRANGE large 0 -1")
    assert "COPY is refused: what it reads has" in refused(server, "COPY large b", write=True)
    assert answered(server, f"GETRANGE large {end} {end}") == "x"
    part = server.api("admin.redis.command", command=f"GETRANGE large 0 {LONGEST_ANSWER}")
    assert (part["truncated"], len(part["answer"])) == (True, LONGEST_ANSWER)
    answered(server, "DEL large", write=True)


@pytest.mark.parametrize(
    ("text", "is_part"),
    [
        ("LRANGE a 0 999", True),
        ("LRANGE a 0 1000", False),
        ("LRANGE a 0 -1", False),
        ("XRANGE a - + COUNT 1000", True),
        ("XRANGE a - + COUNT 1001", False),
        ("XRANGE a - +", False),
        ("HGETALL a", False),
        ("HGET a b", True),
        ("GETRANGE a 0 1000", True),
        ("GETRANGE a 0 -1", False),
        ("SUBSTR a 0 16777216", False),
        ("XINFO STREAM a", True),
        ("XINFO STREAM a FULL COUNT 0", False),
        ("MEMORY USAGE a", True),
        ("MEMORY USAGE a samples 0", False),
    ],
)
def test_what_reads_a_part_is_known(text: str, is_part: bool):
    assert parse_command(text).reads_a_part is is_part


def test_operators_read_and_only_administrators_write(server: RunningServer):
    path = "/hansa/api/admin.redis."
    assert server.post(f"{path}command", {"command": "PING"}, auth=OTTO).json()["answer"] == "PONG"
    write = server.post(f"{path}write", {"command": "SET a b"}, auth=OTTO)
    assert write.status_code == 403
    assert answered(server, "EXISTS a") == "0"


def test_the_command_line_does_the_same(server: RunningServer):
    hansa(server, "redis", "command", "--write", "SET", "by hand", "some text")
    assert hansa(server, "redis", "command", "GET", "by hand").stdout == "some text\n"
    assert hansa(server, "redis", "command", "GET 'by hand'").stdout == "some text\n"
    wrong = hansa(server, "redis", "command", "MONITOR", check=False)
    assert wrong.returncode and "its answer has no end" in wrong.stderr
