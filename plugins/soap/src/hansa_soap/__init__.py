"""SOAP 1.1 and 1.2 for Hansa: the channel soap, the format soap, and a WSDL for every channel."""
