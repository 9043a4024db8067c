"""
``twistd txregistry``: its options, and the service that they make.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from twisted.application.service import IService
from twisted.python.logfile import LogFile
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from txregistry import configuration
from txregistry.errors import CannotServe, ConfigurationError
from txregistry.service.activation import inherited_socket
from txregistry.workers import worker_count


class Options(UsageOptions):
    """
    The command line of ``twistd txregistry``.
    """

    synopsis = "[options] [CONFIGURATION]"
    longdesc = (
        "Serve a container registry.  The configuration is that of distribution, a YAML file; "
        "variables of the environment that begin with REGISTRY_ override it."
    )
    optParameters = [  # noqa: RUF012 - Twisted's name and form
        ["config", "c", None, f"The configuration file (or set {configuration.PATH_VARIABLE})."],
    ]
    compData = None

    def parseArgs(self, path: str | None = None) -> None:
        """Take the file as an argument too, as distribution does."""
        if path is not None:
            self["config"] = path

    def postOptions(self) -> None:
        """Find the file, by whichever way it is told."""
        self["config"] = self["config"] or os.environ.get(configuration.PATH_VARIABLE)
        if not self["config"]:
            raise UsageError(
                "configuration path unspecified: give --config FILE, or set "
                f"{configuration.PATH_VARIABLE}"
            )


def makeService(options: Options) -> IService:
    """
    Make the daemon, or what supervises the workers that are one.

    :param options: the command line, with twistd's own as its parent.
    :raises SystemExit: if the configuration can't be used; its message says why.
    """
    # Not before: twistd chooses the reactor by its own options.
    from twisted.internet import reactor  # noqa: PLC0415 - see above

    path = options["config"]
    try:
        text = configuration.read_text(path)
        loaded = configuration.parse(text, os.environ, path)
        descriptor = inherited_socket(os.environ)
        count = worker_count(loaded.configuration.workers)
        if count > 1:
            return _supervisor(reactor, options, loaded, text, count, descriptor)
        # Not before: a supervisor has no web server in its memory.
        from txregistry.service.daemon import build_service  # noqa: PLC0415 - see above

        streams = _log_streams(options.parent or {})
        return build_service(reactor, loaded, os.environ, *streams, descriptor=descriptor)
    except CannotServe as reason:
        raise SystemExit(f"txregistry: {reason}") from None
    except ConfigurationError as error:
        errors = (problem for problem in error.problems if problem.severity == "error")
        raise SystemExit("\n".join(f"txregistry: {problem}" for problem in errors)) from None


def _supervisor(
    reactor: Any,
    options: Options,
    loaded: configuration.Loaded,
    text: str,
    count: int,
    descriptor: int | None,
) -> IService:
    # Not before: most daemons have no use for it.
    from txregistry.workers.crew import Task  # noqa: PLC0415 - see above
    from txregistry.workers.supervisor import build_supervisor  # noqa: PLC0415 - see above

    twistd: Mapping[str, Any] = options.parent or {}
    streams = _log_streams(twistd)
    task = Task(
        loaded=loaded,
        text=text,
        source=options["config"],
        environ=dict(os.environ),
        reactor_name=twistd.get("reactor") or "",
        output=None if streams[0] is sys.stderr else streams[0],
    )
    return build_supervisor(reactor, task, count, descriptor, *streams)


def _log_streams(twistd: Mapping[str, Any]) -> tuple[TextIO, TextIO]:
    """
    :param twistd: twistd's own options.
    :return: where events and accesses go: both to the file that twistd was told, or that it takes
        when it leaves the terminal; else to the standard error and output.
    """
    path = twistd.get("logfile") or ("-" if twistd.get("nodaemon", True) else "twistd.log")
    if path == "-":
        return sys.stderr, sys.stdout
    file = LogFile.fromFullPath(path)
    return file, file
