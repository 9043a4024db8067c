"""
Builds the daemon from a configuration: the one place that knows every room.
"""

from __future__ import annotations

from txregistry.service.daemon import RegistryService, build_service
from txregistry.service.registry import missing_plugins

__all__ = ["RegistryService", "build_service", "missing_plugins"]
