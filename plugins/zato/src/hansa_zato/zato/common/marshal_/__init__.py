"""Dataclass models, under the path that they have in 3.x."""
