"""
Caches of blob descriptors: they may fail, and never outlive a delete.
"""
