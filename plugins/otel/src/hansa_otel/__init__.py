"""OpenTelemetry for Hansa."""
