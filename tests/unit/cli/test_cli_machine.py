from __future__ import annotations

import sys

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.cli.machine import LocalMachine, addresses


class AddressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.hosts = self.mktemp()
        with open(self.hosts, "w", encoding="utf-8") as file:
            file.write("# nodes\n127.0.7.1 n1.example.com n1 # first\n\n192.0.2.77\tN2\n127.0.7.3\n")

    def test_names_of_the_table(self) -> None:
        self.assertEqual(list(addresses("n1", self.hosts)), ["127.0.7.1"])
        self.assertEqual(list(addresses("n2", self.hosts)), ["192.0.2.77"])

    def test_names_nobody_knows(self) -> None:
        self.assertEqual(list(addresses("no such host", self.hosts)), [])
        self.assertEqual(list(addresses("", "/nonexistent/hosts")), [])

    def test_what_is_here(self) -> None:
        machine = LocalMachine()
        self.assertTrue(machine.is_here("n1.example.com", self.hosts))
        self.assertTrue(machine.is_here("127.0.0.1", "/nonexistent/hosts"))
        self.assertFalse(machine.is_here("n2", self.hosts))

    def test_addresses_need_no_table(self) -> None:
        self.assertFalse(LocalMachine().is_here("192.0.2.1", self.hosts))


class ProgramTests(SynchronousTestCase):
    def test_what_it_wrote(self) -> None:
        done = LocalMachine().read(
            [sys.executable, "-Sc", "import os; os.write(1, b'o\\xff'); os.write(2, b'e'); os._exit(3)"]
        )
        self.assertEqual(done, (3, "o\ufffd", "e"))

    def test_a_program_that_is_not_there(self) -> None:
        self.assertEqual(LocalMachine().run(["/nonexistent/program"]), 127)
        done = LocalMachine().read(["/nonexistent/program"])
        self.assertEqual(done.status, 127)
        self.assertIn("/nonexistent/program", done.errors)
