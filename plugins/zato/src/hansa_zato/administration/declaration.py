"""What is declared of one service of Zato's admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from ..payloads import PlainDict
from ..sio.types import ForceType

if TYPE_CHECKING:
    from .call import Call

Names: TypeAlias = Sequence[str | ForceType]
"""Names of input or output, as SimpleIO has them."""
Rows: TypeAlias = Sequence[Mapping[str, object]]
Answer: TypeAlias = Mapping[str, object] | Rows | None
"""One item, a list of items, or nothing."""
Work: TypeAlias = "Callable[[Call], Answer]"
"""Does what a service of Zato does, through the admin services, and returns its answer."""
SERVICE: Names = ("id", "service_id", "name", "service")
"""What names a service: versions of Zato differ in it, so that each of them does."""
Status = Literal["works", "differs", "not"]

CLUSTER = "cluster_id"
"""What nearly every service takes: there is one cluster, so that it is read and has no effect."""
PAGING = ("name_filter", "query", "paginate", "cur_page", "page_size")
"""What services that list take, besides their own input."""


@dataclass(frozen=True)
class Declared:
    """A service of Zato's admin API.

    `uses` names the admin services that do the work, and judge what the caller may do; `right` is
    what a caller must be allowed where there is none. A service that `differs` says in what by
    `why`, and one that is `not` there says why not; the latter has no `work`.
    """

    name: str
    work: Work | None = None
    uses: tuple[str, ...] = ()
    required: Names = ()
    optional: Names = ()
    output: Names = ()
    is_list: bool = False
    differs: str = ""
    missing: str = ""
    right: str | None = None

    @property
    def status(self) -> Status:
        """Whether it works, differs, or is not there."""
        if self.work is None:
            return "not"
        return "differs" if self.differs else "works"

    @property
    def why(self) -> str:
        """In what it differs, or why it is not there."""
        return self.missing or self.differs

    @property
    def element(self) -> str:
        """The first part of the names of the elements around its request and its response."""
        return self.name.replace(".", "_").replace("-", "_")


def missing(why: str, *names: str) -> tuple[Declared, ...]:
    """Return the declarations of services that are not there."""
    return tuple(Declared(name, missing=why) for name in names)


def output_of(answer: Answer) -> PlainDict | list[PlainDict] | None:
    """Return an answer as plain data."""
    if answer is None:
        return None
    if isinstance(answer, Mapping):
        return dict(answer)
    return [dict(row) for row in answer]
