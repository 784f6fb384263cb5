"""AMQP 1.0, with the mapping of JMS to it; needs python-qpid-proton, the extra `amqp`."""
