"""Proofs that a cluster loses nothing, whatever is killed: one package, so that the cluster they
share ends with them.
"""
