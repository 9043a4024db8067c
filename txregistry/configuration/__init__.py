"""
From YAML and the environment to frozen sections, with every mistake named.
"""
