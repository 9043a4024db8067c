"""
Bearer tokens: whoever shows one that a trusted key has signed may do what it says.
"""
