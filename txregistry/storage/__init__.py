"""
The rules of a registry, over any storage driver.
"""
