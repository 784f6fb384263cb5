"""Infrastructure that tests share: free ports, waiting for conditions, processes of a test, and
real `hansa` servers.
"""
