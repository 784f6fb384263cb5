"""What of an installation of Zato runs here, what differs, and what is missing, before the switch."""
