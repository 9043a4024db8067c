"""
The access controller ``htpasswd``: names and passwords of a file.
"""
