"""GraphQL for Hansa."""
