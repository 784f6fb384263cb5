"""SimpleIO: input and output declared by name, read from and written as JSON, XML, SOAP or dictionaries."""
