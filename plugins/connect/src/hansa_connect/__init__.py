"""What connectors share: pools, channels that poll or consume, marks, and remote files."""
