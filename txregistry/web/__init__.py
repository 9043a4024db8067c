"""
The wire: HTTP in front of the registry.
"""
