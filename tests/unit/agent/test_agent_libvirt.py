"""What is made of libvirt's answers, with a library that has only what is used."""

from __future__ import annotations

import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.hypervisor.libvirt_api import LibvirtConnection
from ganeti_tw.errors import DriverError


class LibvirtError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"error {code}")
        self.code = code

    def get_error_code(self) -> int:
        return self.code


class Guest:
    """A domain; ``trouble`` is raised once for its metadata."""

    def __init__(self, name: str, trouble: int = 0) -> None:
        self._name, self.trouble = name, trouble

    def name(self) -> str:
        return self._name

    def UUIDString(self) -> str:
        return f"uuid-of-{self._name}"

    def metadata(self, *args: Any) -> str:
        if self.trouble:
            raise LibvirtError(self.trouble)
        return "<instance/>"


class Library:
    """The module ``libvirt``, and its connection."""

    libvirtError = LibvirtError
    VIR_ERR_NO_DOMAIN, VIR_ERR_NO_DOMAIN_METADATA, VIR_ERR_OPERATION_TIMEOUT = 42, 80, 68

    def __init__(self, *guests: Guest) -> None:
        self.guests = guests

    def open(self, uri: str) -> Library:
        return self

    def isAlive(self) -> bool:
        return True

    def setKeepAlive(self, *args: Any) -> None:
        pass

    def domainEventRegisterAny(self, *args: Any) -> None:
        pass

    def getAllDomainStats(self, *args: Any) -> list[tuple[Guest, dict[str, Any]]]:
        return [(guest, {"state.state": 1}) for guest in self.guests]


class LibvirtTests(SynchronousTestCase):
    def connection(self, *guests: Guest) -> LibvirtConnection:
        library = Library(*guests)
        for name, value in (("_library", lambda: library), ("_loop_runs", True)):
            self.patch(sys.modules[LibvirtConnection.__module__], name, value)
        return LibvirtConnection(lambda: "test:///default", lambda name, running: None)

    def names(self, connection: LibvirtConnection) -> list[str]:
        return [domain.name for domain in connection.domains()]

    def test_domains_without_our_metadata_are_not_ours(self) -> None:
        connection = self.connection(Guest("web1"), Guest("other", Library.VIR_ERR_NO_DOMAIN_METADATA))
        self.assertEqual(self.names(connection), ["web1"])

    def test_a_domain_that_cannot_be_looked_at_is_not_taken_for_that_of_another(self) -> None:
        busy = Guest("web1", Library.VIR_ERR_OPERATION_TIMEOUT)
        connection = self.connection(busy)
        self.assertRaises(DriverError, connection.domains)
        busy.trouble = 0
        self.assertEqual(self.names(connection), ["web1"])

    def test_a_domain_that_has_just_gone_is_not_listed(self) -> None:
        connection = self.connection(Guest("web1"), gone := Guest("web2", Library.VIR_ERR_NO_DOMAIN))
        self.assertEqual(self.names(connection), ["web1"])
        gone.trouble = 0  # it came back
        self.assertEqual(self.names(connection), ["web1", "web2"])
