"""The dialect itself: the class `Service`, and what a service sees while it handles a message."""
