"""Whether the topics of a definition exist, and how they are created where the settings say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from hansa import Unavailable

from .client import ClientSettings, describe
from .settings import BrokerSettings

if TYPE_CHECKING:
    from confluent_kafka.admin._metadata import ClusterMetadata


def ensure(
    wanted: Mapping[str, str],
    found: ClusterMetadata,
    config: BrokerSettings,
    settings: ClientSettings,
) -> None:
    """See that topics exist, given with the setting that names each, or create them.

    Raises `Unavailable`, which names those that are missing, or what the cluster says.
    """
    missing = {
        topic: source
        for topic, source in wanted.items()
        if topic not in found.topics or found.topics[topic].error is not None
    }
    if not missing:
        return
    if config.declare:
        create(missing, config, settings)
        return
    listed = ", ".join(f"{topic!r} (the setting {source})" for topic, source in missing.items())
    raise Unavailable(f"there is no topic {listed}; create it, or set declare to true")


def create(topics: Collection[str], config: BrokerSettings, settings: ClientSettings) -> None:
    """Create topics; one that exists by now is left as it is. Raises `Unavailable`."""
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    admin = AdminClient(dict(settings))
    new = [NewTopic(topic, config.partitions or -1, config.replication or -1) for topic in topics]
    futures = admin.create_topics(new, request_timeout=config.timeout)
    for topic, future in futures.items():
        try:
            future.result(config.timeout)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                fault = f"the topic {topic!r} cannot be created: {describe(error.args[0])}"
                raise Unavailable(f"{fault}; check partitions and replication") from None
