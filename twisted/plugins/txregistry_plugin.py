"""
Makes ``twistd txregistry`` known to Twisted.

The module with the options is named, not imported: ``twistd --help`` reads this file of every
package that is installed, and must stay quick.
"""

from twisted.application.service import ServiceMaker

registry = ServiceMaker(
    "txregistry",
    "txregistry.tap",
    "An OCI container registry.",
    "txregistry",
)
