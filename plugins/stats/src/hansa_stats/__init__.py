"""Statistics of a cluster: counts, errors, response times and their percentiles, over time."""
