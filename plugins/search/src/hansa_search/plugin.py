"""What the plugin search adds to Hansa: outgoing elasticsearch and outgoing solr."""

from __future__ import annotations

from hansa import Channel, Outgoing, hookimpl

from .elasticsearch import ElasticsearchOutgoing
from .solr import SolrOutgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [ElasticsearchOutgoing, SolrOutgoing]
