"""
The decorators that record what is done to repositories.
"""
