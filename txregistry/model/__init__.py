"""
The values of the registry: frozen, parsed once at the edge, impossible to hold wrong.

Nothing here waits, reads a file or knows of HTTP.
"""
