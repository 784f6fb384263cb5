"""JMS for Hansa, over STOMP."""
