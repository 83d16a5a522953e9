"""``twistd ganeti``: one host of a cluster."""

from __future__ import annotations

import os
import random
import secrets
import time
import uuid

from twisted.application.service import IService
from twisted.logger import Logger
from twisted.python import usage

from ganeti_tw.daemon.process import HostService, Process
from ganeti_tw.daemon.settings import load
from ganeti_tw.errors import GanetiError

log = Logger()

FAILURE = 1


class Options(usage.Options):
    """Everything else is in ganeti.conf."""

    longdesc = (
        "Runs one host. GANETI_ROOTDIR names the directory its files are in (default /), "
        "GANETI_HOSTNAME its name; all other settings are in etc/ganeti/ganeti.conf below the directory."
    )


def makeService(options: Options) -> IService:
    """The host that the environment selects."""
    from twisted.internet import reactor

    try:
        settings = load(os.environ)
    except GanetiError as e:
        # twistd shows a UsageError from here with a traceback.
        raise SystemExit(f"twistd ganeti: {e.text}") from None

    def fatal(reason: str) -> None:
        log.critical("this process ends: {reason}", reason=reason)
        # The exit code says so too, for systemd.
        reactor.callWhenRunning(end)

    def end() -> None:
        reactor.addSystemEventTrigger("after", "shutdown", os._exit, FAILURE)
        reactor.stop()

    process = Process(
        settings,
        reactor,
        time.time,
        random.random,
        lambda: str(uuid.uuid4()),
        secrets.token_bytes,
        fatal,
    )
    service: IService = HostService(process)
    return service
