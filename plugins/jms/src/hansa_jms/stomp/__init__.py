"""STOMP 1.2 as ActiveMQ speaks it."""
