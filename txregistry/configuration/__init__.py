"""
From YAML and the environment to frozen sections, with every mistake named.

:func:`load` reads a file, :func:`parse` a text, :func:`check` tells everything about a file, and
:func:`effective` writes a configuration down without its secrets.
"""

from __future__ import annotations

from txregistry.configuration.access import NONE, Auth
from txregistry.configuration.caching import Cache, Redis
from txregistry.configuration.effective import effective
from txregistry.configuration.environment import PATH_VARIABLE
from txregistry.configuration.http import HTTP, Limits
from txregistry.configuration.loading import Loaded, check, load, parse, read_text
from txregistry.configuration.network import ExternalURL, TCPAddress, UnixAddress
from txregistry.configuration.notifications import Endpoint, Notifications
from txregistry.configuration.policies import Policies
from txregistry.configuration.ratelimit import RateLimit
from txregistry.configuration.sections import (
    AUTO,
    Catalog,
    Configuration,
    Log,
    Middleware,
    Middlewares,
    Policy,
    Referrers,
    Tags,
    Validation,
)
from txregistry.configuration.storage import Storage, UploadPurging

__all__ = [
    "AUTO",
    "HTTP",
    "NONE",
    "PATH_VARIABLE",
    "Auth",
    "Cache",
    "Catalog",
    "Configuration",
    "Endpoint",
    "ExternalURL",
    "Limits",
    "Loaded",
    "Log",
    "Middleware",
    "Middlewares",
    "Notifications",
    "Policies",
    "Policy",
    "RateLimit",
    "Redis",
    "Referrers",
    "Storage",
    "TCPAddress",
    "Tags",
    "UnixAddress",
    "UploadPurging",
    "Validation",
    "check",
    "effective",
    "load",
    "parse",
    "read_text",
]
