"""Apache Kafka for Hansa."""
