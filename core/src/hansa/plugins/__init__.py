"""Which plugins are installed, what they declare, and the configuration file that selects them."""
