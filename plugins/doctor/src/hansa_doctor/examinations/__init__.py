"""The examinations that are there wherever hansa-doctor is."""
