"""
Logs, metrics and health.
"""
