"""
Bytes at paths: the storage drivers, and the base that checks for all of them.
"""
