"""JMS for Hansa, over STOMP or AMQP 1.0."""
