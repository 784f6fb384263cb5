"""The tallies of a cluster in its Redis: a hash for each slot, with a field for each series, which
expires.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

import msgspec
from hansa import Bus
from hansa_admin.writable import write_kept
from redis import Redis

from .slots import MINUTE, Slot
from .store import Batch, Store, Total
from .tally import Table, Tally, key_of, series_of

WRITER_KEPT = 3600
"""Seconds for which it is known which batches a worker has added."""
MARK = ""
"""The field of hours, days and the total that is always there: the minute they go through."""

ADD = """
-- keys: the minute, the writer, the first minute | the number of the batch, the seconds that the
-- minute and the writer are kept, the number of the minute, then series and tallies in turn
if tonumber(redis.call('GET', KEYS[2]) or '0') >= tonumber(ARGV[1]) then return 0 end
local function add(into, from)
  for name, number in pairs(from or {}) do into[name] = (into[name] or 0) + number end
  return into
end
for i = 5, #ARGV, 2 do
  local new = cjson.decode(ARGV[i + 1])
  local kept = redis.call('HGET', KEYS[1], ARGV[i])
  if kept then
    local old = cjson.decode(kept)
    new.n = (old.n or 0) + (new.n or 0)
    new.t = (old.t or 0) + (new.t or 0)
    new.x = math.max(old.x or 0, new.x or 0)
    new.l = math.max(old.l or 0, new.l or 0)
    if old.e or new.e then new.e = add(old.e or {}, new.e) end
    if old.b or new.b then new.b = add(old.b or {}, new.b) end
  end
  redis.call('HSET', KEYS[1], ARGV[i], cjson.encode(new))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[3])
redis.call('SET', KEYS[3], ARGV[4], 'NX')
return 1
"""


class RedisStore(Store):
    """The tallies of a cluster in its Redis."""

    def __init__(self, client: Redis, bus: Bus) -> None:
        self._client = client
        self._bus = bus
        self._add = client.register_script(ADD)

    def add(self, batch: Batch) -> None:
        """Merge a batch into its minute, in one script."""
        keys = [
            self._key(batch.minute),
            self._bus.key("stats", "writer", batch.writer),
            self._bus.key("stats", "first"),
        ]
        arguments: list[str | int] = [batch.number, MINUTE.kept, WRITER_KEPT, batch.minute.number]
        for field, text in _encoded(batch.table).items():
            arguments += [field, text]
        self._add(keys=keys, args=arguments)

    def put(self, slot: Slot, table: Table) -> None:
        """Keep the tallies of an hour or a day."""
        self._replace(self._key(slot), table, slot.number, slot.step.kept)

    def read(self, slots: Iterable[Slot]) -> dict[Slot, Table]:
        """Return the tallies of slots, in one round trip."""
        wanted = list(slots)
        with self._client.pipeline(transaction=False) as pipeline:
            for slot in wanted:
                pipeline.hgetall(self._key(slot))
            answers = cast(list[dict[str, str]], pipeline.execute())
        found = zip(wanted, answers, strict=True)
        return {slot: _decoded(fields) for slot, fields in found if fields}

    def first(self) -> int:
        """Return the number of the first minute that was ever counted; 0 if none was."""
        return int(cast(str | None, self._client.get(self._bus.key("stats", "first"))) or 0)

    def total(self) -> Total:
        """Return the tallies of everything, as they were last kept."""
        key = self._bus.key("stats", "total")
        fields = cast(dict[str, str], self._client.hgetall(key))
        return Total(int(fields.get(MARK, 0)), _decoded(fields))

    def put_total(self, total: Total) -> None:
        """Keep the tallies of everything."""
        self._replace(self._bus.key("stats", "total"), total.table, total.through, None)

    def _key(self, slot: Slot) -> str:
        return self._bus.key("stats", slot.step.name, str(slot.number))

    def _replace(self, key: str, table: Table, through: int, kept: int | None) -> None:
        items = [MARK, str(through)]
        for field, text in _encoded(table).items():
            items += [field, text]
        with self._client.pipeline(transaction=True) as pipeline:
            pipeline.delete(key)
            pipeline.hset(key, items=items)
            if kept is not None:
                pipeline.expire(key, kept)
            pipeline.execute()


def _encoded(table: Table) -> dict[str, str]:
    return {key_of(series): write_kept(tally).decode() for series, tally in table.items()}


def _decoded(fields: Mapping[str, str]) -> Table:
    table: Table = {}
    for field, text in fields.items():
        series = series_of(field)
        if series is not None:
            table[series] = msgspec.json.decode(text, type=Tally)
    return table
