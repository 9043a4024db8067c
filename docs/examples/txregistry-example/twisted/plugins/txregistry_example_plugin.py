"""
Makes the plug-ins known.  Their names are read from here whenever anybody looks for plug-ins.
"""

from txregistry_example.hidden import HiddenFactory
from txregistry_example.immutable import ImmutableFactory
from txregistry_example.slowlog import SlowLogFactory
from txregistry_example.sqlite import SqliteFactory

sqlite = SqliteFactory()
slowlog = SlowLogFactory()
hidden = HiddenFactory()
immutable = ImmutableFactory()
