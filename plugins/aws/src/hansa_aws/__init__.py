"""AWS Signature Version 4 for outgoing calls: the security type `aws` of Hansa."""
