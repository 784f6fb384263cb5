"""The settings of GraphQL channels."""

from __future__ import annotations

from typing import Annotated

from hansa import Invalid, Model, setting
from hansa_http.channel import HttpPath

EXECUTE = "graphql.execute"
"""The service that carries out requests; it has the service of each field called."""


class FieldSettings(Model):
    """A field of the schema's Query or Mutation."""

    field: Annotated[
        str,
        setting(
            "Name of the field",
            example="rate",
            pattern=r"^(?!__)[A-Za-z_][A-Za-z0-9_]*$",
            max_length=100,
        ),
    ]
    service: Annotated[
        str,
        setting(
            "Service that resolves it: its Input has the arguments, its Output is the type",
            refers="service",
            min_length=1,
        ),
    ]


class GraphqlSettings(HttpPath):
    """GraphQL."""

    queries: Annotated[
        list[FieldSettings],
        setting("Fields of Query: services that only read, also by GET", min_length=1),
    ]
    mutations: Annotated[
        list[FieldSettings], setting("Fields of Mutation: services that change something")
    ] = []
    service: Annotated[
        str,
        setting(
            f"Service that takes all requests and has those of fields called; leave it at {EXECUTE}",
            refers="service",
            min_length=1,
            advanced=True,
        ),
    ] = EXECUTE
    introspection: Annotated[
        bool, setting("Whether callers may ask for the schema (introspection)")
    ] = False
    timeout: Annotated[
        float, setting("Deadline of a request in seconds, for all its services", gt=0, le=3600)
    ] = 60.0
    max_depth: Annotated[
        int, setting("Maximum depth of the fields of a request", ge=1, le=100, advanced=True)
    ] = 12
    max_aliases: Annotated[
        int, setting("Maximum number of aliases in a request", ge=0, le=10_000, advanced=True)
    ] = 30
    max_tokens: Annotated[
        int, setting("Maximum number of tokens in a request", ge=10, le=100_000, advanced=True)
    ] = 2000
    max_cost: Annotated[
        int,
        setting(
            "Maximum cost of a request: a field that calls a service costs 10, any other 1, and ten "
            "times that for each list that it is in",
            ge=1,
            le=1_000_000_000,
            advanced=True,
        ),
    ] = 10_000

    def check(self) -> None:
        """Refuse fields that are given twice, and services that administer; raises `Invalid`."""
        faults: dict[str, str] = {}
        try:
            super().check()
        except Invalid as invalid:
            faults.update(invalid.errors)
        for name in ("queries", "mutations"):
            known = set()
            for index, one in enumerate(getattr(self, name)):
                if one.field in known:
                    faults[f"{name}[{index}].field"] = f"{one.field} is there twice"
                if one.service.startswith("admin."):
                    faults[f"{name}[{index}].service"] = (
                        "administers the cluster, and is not served"
                    )
                known.add(one.field)
        if faults:
            raise Invalid(faults)
