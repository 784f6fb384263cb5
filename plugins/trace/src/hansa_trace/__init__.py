"""Where a message is and was, and the logs of all servers of a cluster."""
