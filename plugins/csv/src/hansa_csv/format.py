"""The format `csv`: lines <-> lists of models or of plain records."""

from __future__ import annotations

import builtins

from hansa import Format, Service

from .reading import read_records
from .settings import DEFAULT, CsvSettings
from .shapes import Hint, build
from .writing import write_records


class CsvFormat(Format):
    """CSV (RFC 4180), in the dialect of the channel's section `csv`.

    A message is a list of records. A service whose Input is `list[Row]`, or a model whose only field
    is such a list, gets all of them; any other model takes a message of one record; without an Input
    they are dictionaries of text.
    """

    type = "csv"
    content_types = ("text/csv", "application/csv")

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        found = getattr(config, "csv", None)
        self._settings = found if isinstance(found, CsvSettings) else DEFAULT

    @property
    def content_type(self) -> str:
        """The content type of what `render` returns, with its parameters (RFC 4180, section 3)."""
        header = "present" if self._settings.header else "absent"
        return f"text/csv; charset={self._settings.encoding}; header={header}"

    def parse(self, raw: bytes, model: Hint = None) -> object:
        """Return records as a type, or as dictionaries; raises `Invalid` with every fault."""
        return build(read_records(raw, self._settings), model)

    def render(self, value: object, model: Hint = None) -> bytes:
        """Return the lines of a list of records, or of one; raises `Invalid`."""
        return write_records(value, model, self._settings)
