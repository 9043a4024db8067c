"""
The registry as its own token server: it issues the tokens that it takes.
"""
