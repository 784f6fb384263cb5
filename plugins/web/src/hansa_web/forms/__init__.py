"""Forms derived from the JSON Schemas of types: which fields there are, and what was posted."""
