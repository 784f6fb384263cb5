"""What the workers of a cluster agree on: leases, and who is a member."""
