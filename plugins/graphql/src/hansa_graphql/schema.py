"""The schema of a channel: a field for each service that its settings name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hansa import Invalid, Registry, Service
from hansa_connect.declared import documentation_of

from .documents import Documents
from .settings import FieldSettings, GraphqlSettings
from .types import Types

if TYPE_CHECKING:
    from graphql import GraphQLField, GraphQLSchema

Resolve = Callable[[Any, str, Mapping[str, Any]], Any]
"""Returns what a service answers: of the request's context, the service's name and arguments."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema, the classes that it was derived from, by the names of the services, and documents
    that keep its rules.
    """

    schema: GraphQLSchema
    classes: Mapping[str, type[Service]]
    documents: Documents = field(default_factory=Documents)

    @property
    def text(self) -> str:
        """The schema in the Schema Definition Language."""
        from graphql import print_schema

        return print_schema(self.schema)

    def is_outdated(self, registry: Registry) -> bool:
        """Whether one of the services was deployed anew."""
        for name, cls in self.classes.items():
            registered = registry.find_service(name)
            if registered is not None and registered.cls is not cls:
                return True
        return False


def schema_of(config: GraphqlSettings, registry: Registry, resolve: Resolve) -> Schema:
    """Return the schema of a channel; raises `Invalid` with all faults, by the setting."""
    from graphql import GraphQLObjectType, GraphQLSchema

    types = Types()
    classes: dict[str, type[Service]] = {}
    faults: dict[str, str] = {}

    def root(setting: str, listed: Iterable[FieldSettings]) -> dict[str, GraphQLField]:
        found = {}
        for index, one in enumerate(listed):
            try:
                registered = _registered(registry, one.service)
                classes[one.service] = registered
                found[one.field] = _field(one.service, registered, types, resolve)
            except Invalid as invalid:
                faults[f"{setting}[{index}].service"] = f"{one.service}: {invalid.detail}"
        return found

    queries = root("queries", config.queries)
    mutations = root("mutations", config.mutations)
    if faults:
        raise Invalid(faults)
    try:
        made = GraphQLSchema(
            GraphQLObjectType("Query", queries),
            GraphQLObjectType("Mutation", mutations) if mutations else None,
        )
    except (Invalid, TypeError) as error:
        # of the members of types, which are looked at last
        raise Invalid({"queries": str(error)}) from error
    return Schema(_checked(made), classes)


def _registered(registry: Registry, name: str) -> type[Service]:
    registered = registry.find_service(name)
    if registered is None:
        raise Invalid("there is no such service")
    if registered.cls.is_administrative():
        raise Invalid("it administers the cluster, and is not served")
    return registered.cls


def _field(name: str, cls: type[Service], types: Types, resolve: Resolve) -> GraphQLField:
    from graphql import GraphQLField

    def answer(source: Any, info: Any, /, **arguments: Any) -> Any:
        return resolve(info.context, name, arguments)

    return GraphQLField(
        types.output(cls.Output),
        types.arguments(cls.Input),
        resolve=answer,
        description=documentation_of(cls) or None,
    )


def _checked(schema: GraphQLSchema) -> GraphQLSchema:
    from graphql import validate_schema

    faults = validate_schema(schema)
    if faults:
        raise Invalid({"queries": "; ".join(one.message for one in faults)})
    return schema
