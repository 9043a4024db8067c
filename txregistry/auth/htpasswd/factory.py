"""
Making the access controller of its options.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from twisted.plugin import IPlugin
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from txregistry.auth.htpasswd.checking import Passwords
from txregistry.auth.htpasswd.controller import HtpasswdAccess
from txregistry.auth.htpasswd.making import make_if_missing
from txregistry.auth.htpasswd.recognised import Recognised
from txregistry.auth.htpasswd.watching import WatchedFile
from txregistry.auth.options import option_error, text_option
from txregistry.deferreds import Threads
from txregistry.interfaces import IAccessControllerFactory, IAttempts
from txregistry.processors import processors

KEY = "auth.htpasswd"


@implementer(IPlugin, IAccessControllerFactory)
class HtpasswdFactory:
    """
    Makes it of ``realm`` and ``path``.
    """

    name = "htpasswd"

    def create(
        self, reactor: Any, options: Mapping[str, Any], attempts: IAttempts
    ) -> HtpasswdAccess:
        realm = text_option(KEY, options, "realm")
        path = text_option(KEY, options, "path")
        try:
            make_if_missing(path)
        except OSError as error:
            raise option_error(KEY, "path", f"can't make {path}: {error.strerror}") from error
        # What waits for disks has threads of its own: a crowd that has to be checked keeps nobody
        # from them, and none of them is kept from looking at this file.
        files = Threads(reactor, reactor.getThreadPool())
        at_once = max(1, processors() // 2)
        pool = ThreadPool(0, at_once, "passwords")
        file = WatchedFile(path, files, time.monotonic, time.time)
        passwords = Passwords(file, Threads(reactor, pool), at_once, attempts, time.monotonic)
        return HtpasswdAccess(realm, passwords, Recognised(time.monotonic), pool)


#: What the table of access controllers names.
factory = HtpasswdFactory()
