"""
Logs, metrics, and a watch over the reactor.
"""
