"""Short leases, for tests that kill again and again who holds one."""

QUICK_LEASES = """
from hansa.cluster import leases

leases.LEASE_TTL = 2.5
leases.LEASE_RENEWAL = 0.7
"""
"""Put before the services of a test: what is placed once in the cluster moves to another worker within
3 seconds of the end of its own, instead of 9.
"""
