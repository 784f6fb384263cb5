"""The operational database (ODB): its tables, how it is opened, its transactions and its schema."""
