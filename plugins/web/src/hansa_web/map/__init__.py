"""The map of a landscape as a picture: where its nodes stand, and how its lines run."""
