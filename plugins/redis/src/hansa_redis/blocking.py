"""Which commands wait in Redis, and how long they ask it to wait."""

from __future__ import annotations

from collections.abc import Sequence

_SECONDS_LAST = {"BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BZPOPMIN", "BZPOPMAX"}
_SECONDS_FIRST = {"BLMPOP", "BZMPOP"}
_MILLISECONDS_LAST = {"WAIT", "WAITAOF"}
_STREAM_READS = {"XREAD", "XREADGROUP"}
_WAITING = _SECONDS_LAST | _SECONDS_FIRST | _MILLISECONDS_LAST | _STREAM_READS


def blocking_seconds(command: Sequence[object]) -> float | None:
    """Return how long a command asks Redis to wait: seconds, 0 for without end; None for a command
    that does not wait.
    """
    name = _text(command[0]).upper()
    if name not in _WAITING:
        return None
    words = [_text(word) for word in command]
    try:
        if name in _SECONDS_LAST:
            return float(words[-1])
        if name in _SECONDS_FIRST:
            return float(words[1])
        if name in _MILLISECONDS_LAST:
            return float(words[-1]) / 1000
        if name in _STREAM_READS:
            return _block_option(words) / 1000
    except (ValueError, IndexError):
        return None  # not a command that Redis will accept, or one without the option
    return None


def _block_option(words: Sequence[str]) -> float:
    """Return the milliseconds of the option BLOCK; raises ValueError without one."""
    upper = [word.upper() for word in words]
    head = upper[: upper.index("STREAMS")]
    # a group or consumer may be called BLOCK, too; they stand before the options
    start = 4 if upper[0] == "XREADGROUP" else 1
    return float(head[head.index("BLOCK", start) + 1])


def _text(word: object) -> str:
    return word.decode(errors="replace") if isinstance(word, bytes) else str(word)
