"""What is said to the neighbours of an address that moved."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.agent.announce import announce, arp_announcements, neighbour_advertisement
from ganeti_tw.errors import DriverError

MAC = bytes.fromhex("525400123456")


class AnnounceTests(SynchronousTestCase):
    def test_ipv4(self) -> None:
        head = "ffffffffffff 525400123456 0806 0001 0800 06 04"
        self.assertEqual(
            [frame.hex() for frame in arp_announcements(MAC, "192.0.2.9")],
            [
                f"{head} 0001 525400123456 c0000209 000000000000 c0000209".replace(" ", ""),
                f"{head} 0002 525400123456 c0000209 ffffffffffff c0000209".replace(" ", ""),
            ],
        )

    def test_ipv6(self) -> None:
        wanted = "88 00 0000 20000000 20010db8000000000000000000000009 02 01 525400123456"
        self.assertEqual(neighbour_advertisement(MAC, "2001:db8::9").hex(), wanted.replace(" ", ""))

    def test_an_interface_that_is_not_there(self) -> None:
        for ip in ("192.0.2.9", "2001:db8::9"):
            error = self.assertRaises(DriverError, announce, "no-such-device", ip)
            self.assertIn(f"no-such-device could not be told that {ip}", error.text)
