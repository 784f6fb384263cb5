"""IBM MQ for Hansa, over its messaging REST API."""
