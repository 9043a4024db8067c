"""
The ``txregistry`` command.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Sequence
from typing import Any

from txregistry import configuration
from txregistry._version import __version__
from txregistry.errors import ConfigurationError
from txregistry.service.eventoptions import add_events

DESCRIPTION = "A container registry: it stores and serves images and artifacts."


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :param arguments: without the program's name; those of the process where there are none.
    :return: the exit status.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    status: int = options.run(options)
    return status


class _Intermixed(argparse.ArgumentParser):
    """
    Lets options stand before an argument that may be left out, as FILE may.
    """

    _parsing = False

    # The base's method calls this one again.
    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._parsing:
            return super().parse_known_args(args, namespace)
        self._parsing = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._parsing = False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="txregistry", description=DESCRIPTION)
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve the registry in the foreground",
        description="Serve the registry in the foreground, until SIGINT or SIGTERM.",
    )
    _add_configuration(serve)
    serve.set_defaults(run=_serve)
    check = commands.add_parser(
        "check-config",
        help="tell every problem of a configuration, and what it comes to",
        description=(
            "Read a configuration with the environment's REGISTRY_ variables laid over it, print "
            "every problem with its key and line, and the effective configuration with its "
            "secrets masked.  What is in files and at addresses that it names is not looked at.  "
            "The exit status is 1 if by this the registry would not start, or if a key is unknown."
        ),
    )
    _add_configuration(check)
    check.set_defaults(run=_check)
    passwd = commands.add_parser(
        "passwd",
        help="add, change, list and remove users of a file of passwords",
        description=(
            "Give a user a password in a file for auth.htpasswd: add him, or change what he has.  "
            "The password is asked for, twice, or read from standard input.  The file is made if "
            "it is missing; a registry that runs takes notice by itself.  Comments, order, mode "
            "and owner stay as they are."
        ),
    )
    _add_passwd(passwd)
    tokenkey = commands.add_parser(
        "tokenkey",
        help="look at the keys that sign tokens, or replace them",
        description=(
            "Tell which keys are in a file for tokenserver.signingkey: the first one signs, all "
            "verify.  A registry that runs takes notice of a new one by itself."
        ),
    )
    _add_tokenkey(tokenkey)
    policy = commands.add_parser(
        "policy", help="tell who may do what by the policies of a configuration"
    )
    _add_policy(policy)
    events = commands.add_parser(
        "events",
        help="look into the outbox of notifications",
        description=(
            "Look into the outbox of a registry, whether it runs or not: what endpoints have yet "
            "to be told, and what they never were."
        ),
    )
    add_events(events, _add_configuration)
    events.set_defaults(run=_events)
    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_print_version)
    return parser


def _add_passwd(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the file, as auth.htpasswd.path names it")
    parser.add_argument("user", metavar="USER", nargs="?", help="whose password it is about")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="only tell who is in the file")
    what.add_argument("--remove", "--delete", action="store_true", help="take the user out")
    what.add_argument(
        "--stdin", action="store_true", help="read the password from a line of standard input"
    )
    parser.add_argument(
        "--cost",
        type=int,
        choices=range(5, 18),
        default=10,
        metavar="N",
        help="how long a check takes: 10 (the default) a tenth of a second, 11 twice that; 5 to 17",
    )
    parser.set_defaults(run=_passwd)


def _add_tokenkey(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="the file, as tokenserver.signingkey names it")
    parser.add_argument(
        "--rotate",
        action="store_true",
        help="put a new key before the others, or into a file that isn't there yet",
    )
    parser.add_argument(
        "--jwks",
        action="store_true",
        help="print the public keys as a JSON Web Key Set, as other services want them",
    )
    parser.set_defaults(run=_tokenkey)


def _add_policy(parser: argparse.ArgumentParser) -> None:
    explain = parser.add_subparsers(
        metavar="COMMAND", required=True, parser_class=_Intermixed
    ).add_parser(
        "explain",
        help="tell whether somebody may do something, and which rule says so",
        description=(
            "Tell whether the policies of a configuration let somebody do something, which rule "
            "decides, and for each of the others why it does not.  What a token is good for is "
            "not looked at.  The exit status is 0 if he may, 1 if he may not, and 2 if that could "
            "not be found out."
        ),
        epilog="Example: txregistry policy explain alice push team/app --address 192.0.2.1 FILE",
    )
    explain.add_argument("user", metavar="USER", help="who; - or anonymous for nobody")
    explain.add_argument(
        "action",
        choices=["pull", "push", "delete", "list"],
        metavar="ACTION",
        help="pull, push or delete; or list, for which REPOSITORY is catalog",
    )
    explain.add_argument("repository", metavar="REPOSITORY", help="where")
    explain.add_argument("--address", metavar="A", help="from which IP address")
    explain.add_argument(
        "--certificate",
        metavar="SUBJECT",
        help="with a certificate of the client that has this subject (CN=alice,O=Example), or "
        "this name, where policies.certificates looks for a dns, email or uri; it counts, not USER",
    )
    _add_configuration(explain)
    explain.set_defaults(run=_explain)


def _add_configuration(parser: argparse.ArgumentParser) -> None:
    variable = configuration.PATH_VARIABLE
    parser.add_argument(
        "configuration",
        nargs="?",
        metavar="FILE",
        default=os.environ.get(variable),
        help=f"the configuration, a YAML file (default: what {variable} names)",
    )
    parser.set_defaults(usage=parser.error)


def _path(options: argparse.Namespace) -> str:
    if not options.configuration:
        options.usage(
            "configuration path unspecified: name a file, or set " + configuration.PATH_VARIABLE
        )
    return str(options.configuration)


def _serve(options: argparse.Namespace) -> int:
    # Twisted's own runner, so that the daemon is the same by whichever command it is started.
    # No other command needs it.
    from twisted.scripts import twistd  # noqa: PLC0415 - see above

    sys.argv[1:] = ["--nodaemon", "--pidfile=", "txregistry", "--config", _path(options)]
    twistd.run()
    return 0


def _check(options: argparse.Namespace) -> int:
    # It knows the storage rules, which no other command needs.
    from txregistry.service.registry import missing_plugins  # noqa: PLC0415 - see above

    try:
        loaded = configuration.load(_path(options), os.environ)
        problems = (*loaded.warnings, *missing_plugins(loaded.configuration))
        print(configuration.effective(loaded.configuration), end="")
    except ConfigurationError as error:
        problems = error.problems
    for problem in problems:
        print(problem, file=sys.stderr)
    fails = any(problem.severity == "error" or problem.unknown for problem in problems)
    return 1 if fails else 0


def _passwd(options: argparse.Namespace) -> int:
    # It knows how passwords are hashed, which no other command needs.
    from txregistry.service.passwd import Refused, run_passwd  # noqa: PLC0415 - see above

    try:
        for line in run_passwd(options):
            print(line)
    except Refused as reason:
        print(f"txregistry passwd: {reason}", file=sys.stderr)
        return 1
    return 0


def _tokenkey(options: argparse.Namespace) -> int:
    # It knows how tokens are signed, which no other command needs.
    from txregistry.service.tokenkey import Refused, run_tokenkey  # noqa: PLC0415 - see above

    try:
        for line in run_tokenkey(options):
            print(line)
    except Refused as reason:
        print(f"txregistry tokenkey: {reason}", file=sys.stderr)
        return 1
    return 0


def _explain(options: argparse.Namespace) -> int:
    # It knows the rules of access, which no other command needs.
    from txregistry.service.policycommand import Refused, run_explain  # noqa: PLC0415 - see above

    try:
        granted, lines = run_explain(options, configuration.load(_path(options), os.environ))
        print("\n".join(lines))
        return 0 if granted else 1
    except ConfigurationError as error:
        for problem in error.problems:
            print(problem, file=sys.stderr)
    except Refused as reason:
        print(f"txregistry policy explain: {reason}", file=sys.stderr)
    return 2


def _events(options: argparse.Namespace) -> int:
    # It knows outboxes, which no other command needs.
    from txregistry.service import events  # noqa: PLC0415 - see above

    try:
        loaded = configuration.load(_path(options), os.environ)
        for line in events.lines(loaded.configuration, os.environ, options):
            print(line)
    except (events.Refused, ConfigurationError) as reason:
        print(f"txregistry events: {reason}", file=sys.stderr)
        return 1
    return 0


def _print_version(_: argparse.Namespace) -> int:
    print(_version())
    return 0


def _version() -> str:
    return f"txregistry {__version__} (Python {platform.python_version()})"
