"""Hot-deployment for Hansa: a Python file copied into a folder is deployed."""
