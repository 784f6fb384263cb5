"""For authors of Hansa plugins and services: files to begin with, and checks of a plugin."""
