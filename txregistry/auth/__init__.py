"""
Who asks, and what is granted.
"""
