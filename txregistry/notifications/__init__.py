"""
Events: who makes them, where they are kept, and how they reach endpoints.
"""
