"""A cluster on several hosts: its authority, tokens, and what each host writes when it joins.

On the authority's host `creation` makes the cluster, `admission` admits components, and `service`
answers those of other hosts, which `joining` asks and `leaving` takes leave of.
"""
