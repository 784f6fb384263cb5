"""Security definitions that most installations need: HTTP Basic and API keys."""
