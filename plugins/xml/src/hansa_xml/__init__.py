"""XML for Hansa: a safe parser, documents as typed objects and back, and an XML Schema of every
model.
"""
