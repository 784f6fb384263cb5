"""The logs of the servers of a cluster: read in place, and asked for from other servers."""
