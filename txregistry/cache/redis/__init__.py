"""
A cache in Redis, which several processes and machines share.

Only :mod:`txregistry.service` imports this room, and only where Redis is configured.
"""
