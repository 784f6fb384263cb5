"""`self.msg`: expressions that are defined by name, and mappings from one document to another."""
