"""The format csv keeps the contract of formats."""

from __future__ import annotations

from hansa import Model
from hansa_csv.format import CsvFormat
from hansa_devkit.format_contract import FormatContract
from hypothesis import strategies as some

CELLS = some.text(some.characters(codec="utf-8", exclude_characters="\r\0"), max_size=20)
NAMES = some.text(some.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=8)


class Row(Model):
    name: str
    count: int = 0
    share: float = 0.0
    open: bool = False


def tables(names):
    """Records with the same columns; of a single empty cell, nothing would be left on its line."""
    return some.lists(some.fixed_dictionaries(dict.fromkeys(names, CELLS)), min_size=1, max_size=4)


class TestCsv(FormatContract):
    """Records of texts, and typed records."""

    cls = CsvFormat
    text = CELLS
    model = Row
    values = some.lists(NAMES, min_size=2, max_size=4, unique=True).flatmap(tables)
    hostile = (
        b'a,b\r\n"1,2\r\n',
        b'a,b\r\n"1"2,3\r\n',
        b"a,b\r\n1\r\n",
        b"a,b\r\n1,2,3\r\n",
        b"a,a\r\n1,2\r\n",
        b"\xff\xfe\xfa",
        b"a,b\r\n1," + b"x" * 200_000,
    )

    def objects(self):
        numbers = some.floats(allow_nan=False, allow_infinity=False)
        integers = some.integers(-(2**53), 2**53)
        return some.builds(Row, name=CELLS, count=integers, share=numbers, open=some.booleans())
