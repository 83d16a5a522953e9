"""Makes ``twistd ganeti`` known to Twisted."""

from twisted.application.service import ServiceMaker

ganeti = ServiceMaker(
    "ganeti",
    "ganeti_tw.daemon.tap",
    "One host of a cluster of virtual machines.",
    "ganeti",
)
