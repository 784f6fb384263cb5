"""Which Redis commands people may run by the admin API, what each does, and why others are refused."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from hansa import Invalid

Effect: TypeAlias = Literal["reads", "writes"]
LONGEST_COMMAND = 16_384
MOST_SCANNED = 10_000
"""Entries that one step of SCAN may look at, and keys of a database of which KEYS lists all."""
LARGEST_VALUE = 16 * 1024 * 1024
"""Bytes of a value that a command may make longer."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


READING = _names(
    """
    DBSIZE EXISTS EXPIRETIME KEYS PEXPIRETIME PTTL RANDOMKEY SCAN TTL TYPE
    BITCOUNT BITPOS GET GETBIT GETRANGE LCS MGET STRLEN SUBSTR
    HEXISTS HGET HGETALL HKEYS HLEN HMGET HRANDFIELD HSCAN HSTRLEN HVALS
    LINDEX LLEN LPOS LRANGE
    SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SRANDMEMBER SSCAN SUNION
    ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX
    ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION
    GEODIST GEOHASH GEOPOS GEOSEARCH PFCOUNT
    XLEN XPENDING XRANGE XREAD XREVRANGE
    ECHO INFO LASTSAVE PING ROLE TIME
    """
)
READING_SUBCOMMANDS = {
    "MEMORY": frozenset({"USAGE"}),
    "OBJECT": frozenset({"ENCODING", "FREQ", "IDLETIME", "REFCOUNT"}),
    "PUBSUB": frozenset({"CHANNELS", "NUMPAT", "NUMSUB"}),
    "SLOWLOG": frozenset({"GET", "LEN"}),
    "XINFO": frozenset({"CONSUMERS", "GROUPS", "STREAM"}),
}
"""Commands of which only these subcommands may be run."""
WRITING = _names(
    """
    COPY DEL EXPIRE EXPIREAT PERSIST PEXPIRE PEXPIREAT RENAME RENAMENX TOUCH UNLINK
    APPEND DECR DECRBY GETDEL GETEX GETSET INCR INCRBY INCRBYFLOAT MSET MSETNX PSETEX SET SETBIT
    SETEX SETNX SETRANGE
    HDEL HINCRBY HINCRBYFLOAT HMSET HSET HSETNX
    LINSERT LMOVE LPOP LPUSH LPUSHX LREM LSET LTRIM RPOP RPOPLPUSH RPUSH RPUSHX
    SADD SDIFFSTORE SINTERSTORE SMOVE SPOP SREM SUNIONSTORE
    ZADD ZDIFFSTORE ZINCRBY ZINTERSTORE ZPOPMAX ZPOPMIN ZRANGESTORE ZREM ZREMRANGEBYLEX
    ZREMRANGEBYRANK ZREMRANGEBYSCORE ZUNIONSTORE
    GEOADD PFADD PFMERGE PUBLISH XACK XADD XDEL XTRIM
    """
)
_WAITS = "it waits for others"
_STREAMS = "its answer has no end"
_CODE = "it runs code in the server, which nothing can stop"
_STATE = "it changes the connection, or needs one that is kept"
_SETTINGS = "it shows or changes settings of the server, with its passwords"
_OPERATES = "it stops, moves, or rearranges the server or its data"
_ALL = "it deletes everything"
REFUSED = {
    **dict.fromkeys(("BLMOVE", "BLMPOP", "BLPOP", "BRPOP", "BRPOPLPUSH", "BZMPOP"), _WAITS),
    **dict.fromkeys(("BZPOPMAX", "BZPOPMIN", "WAIT", "WAITAOF", "XREADGROUP"), _WAITS),
    **dict.fromkeys(("MONITOR", "PSUBSCRIBE", "SSUBSCRIBE", "SUBSCRIBE", "SYNC"), _STREAMS),
    **dict.fromkeys(("PSYNC", "PUNSUBSCRIBE", "UNSUBSCRIBE", "SUNSUBSCRIBE"), _STREAMS),
    **dict.fromkeys(("EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"), _CODE),
    **dict.fromkeys(("FUNCTION", "SCRIPT", "MODULE"), _CODE),
    **dict.fromkeys(("AUTH", "ASKING", "CLIENT", "DISCARD", "EXEC", "HELLO", "MULTI"), _STATE),
    **dict.fromkeys(("QUIT", "READONLY", "READWRITE", "RESET", "SELECT"), _STATE),
    **dict.fromkeys(("UNWATCH", "WATCH"), _STATE),
    **dict.fromkeys(("ACL", "CONFIG"), _SETTINGS),
    **dict.fromkeys(("BGREWRITEAOF", "BGSAVE", "CLUSTER", "DEBUG", "FAILOVER"), _OPERATES),
    **dict.fromkeys(("MIGRATE", "MOVE", "REPLICAOF", "SAVE", "SHUTDOWN", "SLAVEOF"), _OPERATES),
    **dict.fromkeys(("SWAPDB", "RESTORE"), _OPERATES),
    **dict.fromkeys(("FLUSHALL", "FLUSHDB"), _ALL),
}
"""Why well-known commands may not be run."""
PARTIAL = _names(
    """
    EXISTS EXPIRETIME PEXPIRETIME PTTL TTL TYPE GETBIT STRLEN
    HEXISTS HGET HLEN HMGET HSCAN HSTRLEN LINDEX LLEN SCARD SISMEMBER SMISMEMBER SSCAN
    ZCARD ZCOUNT ZLEXCOUNT ZMSCORE ZRANK ZREVRANK ZSCAN ZSCORE GEODIST GEOHASH GEOPOS
    XLEN XINFO XPENDING MEMORY OBJECT
    """
)
"""Commands that read little of what may be large."""
_WHOLE = _names("FULL SAMPLES")
"""Words with which such a command reads as much as they say."""
MOST_ITEMS = 1000
"""Items of a large list, set or stream that may be read at once."""
_RANGES = {
    **dict.fromkeys(("LRANGE", "ZRANGE", "ZREVRANGE"), MOST_ITEMS),
    **dict.fromkeys(("GETRANGE", "SUBSTR"), LARGEST_VALUE),
}
"""Commands that read from one place to another, and how much they may read of what is large."""
_COUNTED = _names("XRANGE XREAD XREVRANGE")
_RANDOM = _names("HRANDFIELD SRANDMEMBER ZRANDMEMBER")
"""Commands that return as many items as a negative number says, however few there are."""
_COPYING = _names("COPY SDIFFSTORE SINTERSTORE SUNIONSTORE ZDIFFSTORE ZINTERSTORE ZUNIONSTORE")
"""Commands that write, and read all of what their keys have."""
_SIZES = {"SETRANGE": 1, "SETBIT": 8}
"""Commands whose second argument makes a value long, and how many of its units are a byte."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command that may be run: its words, the first in upper case, and what it does."""

    words: tuple[str, ...]
    effect: Effect

    @property
    def name(self) -> str:
        """The name of the command."""
        return self.words[0]

    @property
    def reads_a_part(self) -> bool:
        """Whether it reads little, however large the values are."""
        words = [word.upper() for word in self.words]
        if self.name in _RANGES and len(words) > 3:
            first, last = words[2], words[3]
            is_range = first.isdecimal() and last.isdecimal()
            return is_range and _number(last) - _number(first) < _RANGES[self.name]
        if self.name in _COUNTED and "COUNT" in words[:-1]:
            count = words[words.index("COUNT") + 1]
            return 0 < _number(count) <= MOST_ITEMS
        return self.name in PARTIAL and _WHOLE.isdisjoint(words[2:])

    @property
    def copies(self) -> bool:
        """Whether it writes what it has read of all its keys."""
        return self.name in _COPYING


def parse_command(text: str) -> Command:
    """Return a command that may be run.

    Words are separated by spaces; one with spaces is in quotes, as in a shell, and nothing is
    expanded. Raises `Invalid` with the reason for a command that may not be run.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _refused(f"cannot be read: {error}") from None
    if not words:
        raise _refused("is empty")
    name = words[0].upper()
    effect = _effect(name, words[1:])
    if name == "XREAD" and "BLOCK" in (word.upper() for word in words):
        raise _refused(f"XREAD with BLOCK is refused: {_WAITS}")
    if name.endswith("SCAN"):
        _refuse_large_count(name, words)
    if name in _RANDOM and len(words) > 2 and _number(words[2].removeprefix("-")) > MOST_SCANNED:
        raise _refused(f"{name} is refused: it is to return more than {MOST_SCANNED} items")
    if name in _SIZES and len(words) > 2:
        _refuse_long_value(name, words[2])
    return Command((name, *words[1:]), effect)


def _effect(name: str, arguments: Sequence[str]) -> Effect:
    if name in READING:
        return "reads"
    if name in WRITING:
        return "writes"
    subcommands = READING_SUBCOMMANDS.get(name)
    if subcommands is not None:
        if arguments and arguments[0].upper() in subcommands:
            return "reads"
        raise _refused(f"of {name} only {', '.join(sorted(subcommands))} may be run")
    reason = REFUSED.get(name, "it is not among the commands that are known to do no harm")
    raise _refused(f"{name} is refused: {reason}")


def _refuse_large_count(name: str, words: Sequence[str]) -> None:
    for word, following in itertools.pairwise(words):
        if word.upper() == "COUNT" and _number(following) > MOST_SCANNED:
            raise _refused(f"{name} is refused: COUNT is more than {MOST_SCANNED}")


def _refuse_long_value(name: str, offset: str) -> None:
    if _number(offset) / _SIZES[name] > LARGEST_VALUE:
        raise _refused(f"{name} is refused: the value would be longer than {LARGEST_VALUE} bytes")


def _number(text: str) -> int:
    """Return a number; 0 for what is none, which Redis refuses."""
    return int(text) if text.isdecimal() and len(text) < 20 else 0


def _refused(fault: str) -> Invalid:
    return Invalid({"command": fault})
