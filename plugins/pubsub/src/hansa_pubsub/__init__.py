"""Publish and subscribe for Hansa: topics and durable subscriptions of a cluster."""

from .message import Message
from .publishing import PubSub

__all__ = ["Message", "PubSub"]
