"""Makes a service of each declaration."""

from __future__ import annotations

import copy
from typing import ClassVar

from ..sio.naming import by_name
from ..sio.types import ForceType
from ..zato.server.service.internal import AdminService, AdminSIO
from .call import Call
from .declaration import CLUSTER, PAGING, Declared, output_of


class AdministrationService(AdminService):
    """Base of the services of Zato's admin API.

    The admin services that do the work judge what the caller may do, else the declared right.
    """

    abstract: ClassVar[bool] = True
    right: ClassVar[str | None] = None
    declared: ClassVar[Declared]

    @classmethod
    def is_administrative(cls) -> bool:
        """Whatever its name is."""
        return True

    def handle(self) -> None:
        """Do what is declared."""
        call = Call(self)
        work = self.declared.work
        assert work is not None
        answer = output_of(work(call))
        self.response.meta = call.meta
        self.response.result_details = call.details
        if isinstance(answer, list):
            self.response.payload[:] = answer
        elif answer is not None and self.declared.output:
            self.response.payload = answer


def made(declared: Declared) -> type[AdministrationService]:
    """Return the service of a declaration."""
    title = "".join(part.title() for part in declared.element.split("_"))
    namespace = {
        "__doc__": f"Does what {', '.join(declared.uses) or 'Zato has it do'} does.",
        "__module__": __name__,
        "abstract": False,
        "name": declared.name,
        "declared": declared,
        "right": declared.right,
        "SimpleIO": sio(declared),
    }
    return type(title, (AdministrationService,), namespace)


def sio(declared: Declared) -> type[AdminSIO]:
    """Return the SimpleIO of a declaration."""
    names = [CLUSTER, *declared.optional, *(PAGING if declared.is_list else ())]
    body = {
        "__doc__": "As it is declared.",
        "request_elem": f"{declared.element}_request",
        "response_elem": f"{declared.element}_response",
        "input_required": tuple(declared.required),
        "input_optional": tuple(optional(name) for name in names),
        "output_optional": tuple(declared.output),
        "output_repeated": declared.is_list,
    }
    return type("SimpleIO", (AdminSIO,), body)


def optional(name: str | ForceType) -> ForceType:
    """Return an input that may be left out, and is None then."""
    found = by_name(name, "2.0") if isinstance(name, str) else copy.copy(name)
    found.default = None
    return found
