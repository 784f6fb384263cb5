"""SimpleIO: input and output declared by name, in JSON, XML, SOAP or dictionaries alike."""
