"""
Builds the daemon from a configuration: the one place that knows every room.

Nothing is imported here: who supervises others, or reads a configuration only, needs no web server
in his memory.  :mod:`~txregistry.service.daemon` has the whole daemon.
"""
