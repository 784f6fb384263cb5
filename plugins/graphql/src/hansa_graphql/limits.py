"""Limits on what a request may ask for: depth, aliases and cost, fragments included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hansa import TooLarge

if TYPE_CHECKING:
    from graphql import DocumentNode, FieldNode, GraphQLSchema, SelectionNode, SelectionSetNode

    from .settings import GraphqlSettings

CALL_COST = 10
"""What a field costs that calls a service; any other costs 1."""
LIST_FACTOR = 10
"""How many items a list is taken to have."""
_MOST = 1 << 62
_INTROSPECTION = {"__schema": "__Schema", "__type": "__Type"}


class TooComplex(TooLarge):
    """A request asks for more than the channel permits."""

    code = "too-complex"
    status = 400


@dataclass(frozen=True, slots=True)
class Weight:
    """How deep a selection is, and what it costs."""

    depth: int = 0
    cost: int = 0


def check_limits(schema: GraphQLSchema, document: DocumentNode, config: GraphqlSettings) -> None:
    """Raise `TooComplex` for a document that asks for too much; what is wrong with it otherwise is
    for validation to find. It takes time linear in the size of the document.
    """
    from graphql import OperationDefinitionNode

    scale = _Scale(schema, document)
    for one in document.definitions:
        if not isinstance(one, OperationDefinitionNode):
            continue
        root = schema.get_root_type(one.operation)
        weight = scale.weigh(one.selection_set, root, CALL_COST)
        if weight.depth > config.max_depth:
            raise TooComplex(f"fields are {weight.depth} deep, {config.max_depth} at most may be")
        if weight.cost > config.max_cost:
            raise TooComplex(f"the request costs {weight.cost}, {config.max_cost} at most may it")
    if scale.aliases > config.max_aliases:
        raise TooComplex(f"there are {scale.aliases} aliases, {config.max_aliases} at most may be")


class _Scale:
    """Weighs selections; each fragment once."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        from graphql import FragmentDefinitionNode

        self.aliases = 0
        self._schema = schema
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            one.name.value: one
            for one in document.definitions
            if isinstance(one, FragmentDefinitionNode)
        }
        self._weights: dict[tuple[str, int], Weight] = {}

    def weigh(self, selections: SelectionSetNode | None, parent: object, cost: int) -> Weight:
        """Return the weight of a selection set; `cost` is what each of its fields costs."""
        if selections is None:
            return Weight()
        return _sum(self._one(one, parent, cost) for one in selections.selections)

    def _one(self, node: SelectionNode, parent: object, cost: int) -> Weight:
        from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

        if isinstance(node, FieldNode):
            return self._field(node, parent, cost)
        if isinstance(node, FragmentSpreadNode):
            return self._spread(node.name.value, cost)
        assert isinstance(node, InlineFragmentNode)
        if node.type_condition is not None:
            parent = self._schema.get_type(node.type_condition.name.value)
        return self.weigh(node.selection_set, parent, cost)

    def _field(self, node: FieldNode, parent: object, cost: int) -> Weight:
        if node.alias is not None:
            self.aliases += 1
        known = getattr(parent, "fields", {}).get(node.name.value)
        kind = known.type if known is not None else self._introspected(node.name.value)
        factor, kind = _unwrapped(kind)
        inner = self.weigh(node.selection_set, kind, 1)
        return Weight(inner.depth + 1, min(_MOST, cost + factor * inner.cost))

    def _introspected(self, name: str) -> object:
        return self._schema.get_type(_INTROSPECTION.get(name, ""))

    def _spread(self, name: str, cost: int) -> Weight:
        known = self._weights.get((name, cost))
        if known is not None:
            return known
        fragment = self._fragments.get(name)
        if fragment is None:
            return Weight()
        # of a fragment in a circle, which validation refuses
        self._weights[name, cost] = Weight()
        parent = self._schema.get_type(fragment.type_condition.name.value)
        found = self.weigh(fragment.selection_set, parent, cost)
        self._weights[name, cost] = found
        return found


def _sum(weights: Iterable[Weight]) -> Weight:
    depth = cost = 0
    for one in weights:
        depth = max(depth, one.depth)
        cost = min(_MOST, cost + one.cost)
    return Weight(depth, cost)


def _unwrapped(kind: object) -> tuple[int, object]:
    """Return how many values of a type there may be, and the type of each."""
    from graphql import GraphQLList, GraphQLWrappingType

    factor = 1
    while isinstance(kind, GraphQLWrappingType):
        if isinstance(kind, GraphQLList):
            factor *= LIST_FACTOR
        kind = kind.of_type
    return factor, kind
