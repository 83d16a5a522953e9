from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import TestCase

from ganeti_tw.daemon.settings import MondSettings, Ports, Settings, load, parse
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.paths import Paths

EXAMPLE = Path(__file__).resolve().parents[3] / "etc" / "ganeti.conf"


def settings(text: str, hostname: str = "", root: str = "/vh/n1") -> Settings:
    return parse(text, Paths(root), hostname, lambda: "system.example")


class SettingsTests(TestCase):
    def refused(self, text: str, *words: str) -> None:
        with self.assertRaises(BadRequest) as caught:
            settings(text)
        for word in ("/vh/n1/etc/ganeti/ganeti.conf", *words):
            self.assertIn(word, str(caught.exception))

    def test_an_empty_file_gives_defaults(self) -> None:
        self.assertEqual(settings(""), Settings(Paths("/vh/n1"), "system.example"))

    def test_the_example_with_every_comment_removed_gives_defaults(self) -> None:
        bare = "\n".join(
            line[1:] if line.startswith("#") and line[1:2] not in ("", " ") else line
            for line in EXAMPLE.read_text().splitlines()
        )
        found = settings(bare.replace("#    /", "    /"), hostname="n9")
        self.assertEqual(found.ports, Ports())
        self.assertEqual(found.address, "0.0.0.0")

    def test_the_environment_names_the_host_before_the_file(self) -> None:
        text = "[host]\nname = file.example\n"
        self.assertEqual((settings(text).name, settings(text, "Env.Example").name), ("file.example", "env.example"))

    def test_all_keys_are_read(self) -> None:
        found = settings(
            "[host]\nname=n1\naddress=127.77.1.1\n[ports]\nwire=1\nconfd=2\nmond=3\nrapi=4\n"
            "[hypervisor]\nlibvirt_uri=test:///default\nmigration_uri=test:///n1\n"
            "[storage]\nfile_storage_dirs=\n  /srv/a\n  /srv/b\n"
            "[logging]\nlevel=debug\n"
        )
        directories = ("/vh/n1/srv/a", "/vh/n1/srv/b")
        wanted = Settings(
            *(Paths("/vh/n1"), "n1", "127.77.1.1", Ports(1, 2, 3, 4), "test:///default", "test:///n1"),
            *(directories, "debug"),
        )
        self.assertEqual(found, wanted)

    def test_mond_has_an_address_and_a_certificate_of_its_own(self) -> None:
        found = settings("[mond]\naddress=127.0.0.9\ncertificate=/etc/a.pem\nkey=/etc/b.pem\n").mond
        self.assertEqual(found, MondSettings("127.0.0.9", "/vh/n1/etc/a.pem", "/vh/n1/etc/b.pem"))

    def test_bad_values_are_named(self) -> None:
        self.refused("[host]\nname=a b\n", "[host] name", "'a b'")
        self.refused("[host]\naddress=localhost\n", "[host] address", "'localhost'")
        self.refused("[ports]\nwire=http\n", "[ports] wire", "'http'")
        self.refused("[ports]\nmond=70000\n", "[ports] mond", "'70000'")
        self.refused("[ports]\nmond=5080\n", "[ports]")
        self.refused("[storage]\nfile_storage_dirs=srv\n", "[storage] file_storage_dirs", "'srv'")
        self.refused("[mond]\naddress=everywhere\n", "[mond] address", "'everywhere'")
        self.refused("[mond]\ncertificate=a.pem\n", "[mond] certificate", "'a.pem'")
        self.refused("[mond]\nkey=/etc/a.pem\n", "[mond] key", "without a certificate")
        self.refused("[logging]\nlevel=loud\n", "[logging] level", "'loud'")

    def test_unknown_keys_and_sections_are_refused(self) -> None:
        self.refused("[host]\nnmae=x\n", "[host] nmae", "address, name")
        self.refused("[prots]\n", "[prots]")
        self.refused("name=x\n")
        self.refused("[host]\nname=a\nname=b\n", "name")

    def test_bad_host_name_from_the_environment_says_so(self) -> None:
        with self.assertRaises(BadRequest) as caught:
            settings("", hostname="-x")
        self.assertIn("GANETI_HOSTNAME", str(caught.exception))

    def test_load_takes_root_and_name_from_the_environment(self) -> None:
        with tempfile.TemporaryDirectory() as root:
            etc = Path(root, "etc/ganeti")
            etc.mkdir(parents=True)
            environ = {"GANETI_ROOTDIR": root + "/", "GANETI_HOSTNAME": "n5"}
            self.assertEqual(load(environ), Settings(Paths(root), "n5"))
            (etc / "ganeti.conf").write_text("[ports]\nrapi = 5081\n")
            self.assertEqual(load(environ).ports.rapi, 5081)
            (etc / "ganeti.conf").write_bytes(b"\xff")
            with self.assertRaises(BadRequest):
                load(environ)
