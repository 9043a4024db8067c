"""
The operator's rules: who may pull, push and delete what.

:mod:`globs` says which repositories a rule is about, :mod:`places` from where, :mod:`rules` what a
rule is and which of two is the more specific one.  :mod:`index` finds those that may be about a
wish, :mod:`policy` decides, :mod:`controller` asks on behalf of requests, and :mod:`explaining`
tells an operator why.
"""
