"""The history of a Hansa cluster: who changed what and when, and the way back."""
