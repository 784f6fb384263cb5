"""`self.odb`: the definitions of the cluster as tables, to be read by SQLAlchemy."""
