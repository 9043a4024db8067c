"""
Measures txregistry beside other registries, in the same run on the same machine: ``make bench``.

``targets``
    What is measured: each registry, how it is configured, what it promises.
``trees``, ``stores``
    What the registries find in their storage when they start.
``workloads``
    What is measured of them; ``reads``, ``pushes``, ``lists``, ``others`` and ``daemons`` have it
    by kind.
``plans``, ``generator``, ``load/``
    What is sent, and the program in C that sends it.
``processes``
    What processes cost: processor time and memory.
``rounds``
    The order of it all.
``results``, ``table``, ``chart``, ``report``
    What comes out of it.

It is no part of the package, and needs nothing but what the tests need, and a C compiler.
"""
