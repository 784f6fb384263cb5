"""The life of configured objects in a worker, and the routes that requests take."""
