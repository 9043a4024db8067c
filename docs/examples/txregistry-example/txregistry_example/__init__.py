"""
Plug-ins for txregistry, one of each kind.
"""
