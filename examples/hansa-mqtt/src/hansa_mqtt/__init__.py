"""MQTT for Hansa."""
