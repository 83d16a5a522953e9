"""The script that sets up the address of the cluster, in network namespaces of its own."""

from __future__ import annotations

import shutil
import subprocess
from unittest import TestCase, skipUnless

from ganeti_tw.agent.masterip import BUILT_IN

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
PREPARE = """
    ip link set lo up
    ip link add e0 type veth peer name p0; ip link set e0 up; ip link set p0 up
    ip link add e1 type veth peer name p1
"""


def namespaces() -> bool:
    """Whether this user may make network namespaces with interfaces in them."""
    if not (shutil.which("unshare") and shutil.which("ip", path=PATH)):
        return False
    return subprocess.run(["unshare", "-n", "sh", "-c", f"set -e\n{PREPARE}"], capture_output=True).returncode == 0


def inside(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Lines of the shell in a new network namespace with the interfaces e0 (up) and e1; ``$S`` is the script."""
    given = {
        "PATH": PATH,
        "S": f"/bin/sh {BUILT_IN}",
        "MASTER_IP": "192.0.2.1",
        "MASTER_NETMASK": "32",
        "MASTER_NETDEV": "e0",
        "CLUSTER_IP_VERSION": "4",
        **environment,
    }
    argv = ["unshare", "-n", "sh", "-c", PREPARE + script]
    return subprocess.run(argv, env=given, capture_output=True, text=True, timeout=60)


@skipUnless(namespaces(), "needs root, unshare (util-linux) and ip (iproute2)")
class NamespaceTests(TestCase):
    def test_up_and_down_twice_each(self) -> None:
        done = inside("$S start && $S start && ip -o addr show e0; echo --; $S stop && $S stop; ip -o -4 addr")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        first, second, address, *rest = done.stdout.splitlines()
        self.assertEqual(first, "192.0.2.1/32 is on e0 now")
        self.assertEqual(second, "192.0.2.1 is on this host already: e0 192.0.2.1/32")
        self.assertIn("192.0.2.1/32 scope global e0:0", address)
        words = [line for line in rest if "192.0.2.1" in line]
        self.assertEqual(words, ["192.0.2.1 is not on e0 any more", "192.0.2.1 is not on this host"])

    def test_ipv6(self) -> None:
        script = "$S start && $S start && ip -o -6 addr show e0 && $S stop; ip -o -6 addr show to 2001:db8::1"
        wanted = {"MASTER_IP": "2001:db8::1", "MASTER_NETMASK": "64", "CLUSTER_IP_VERSION": "6"}
        done = inside(script, **wanted)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("2001:db8::1/64 scope global", done.stdout)
        self.assertTrue(done.stdout.endswith("2001:db8::1 is not on e0 any more\n"), done.stdout)

    def test_an_interface_with_a_name_too_long_for_a_label(self) -> None:
        script = "ip link set e1 name abcdefghijklmno; MASTER_NETDEV=abcdefghijklmno $S start"
        self.assertEqual(inside(script).stdout, "192.0.2.1/32 is on abcdefghijklmno now\n")

    def test_another_netmask_is_taken_down_as_it_is(self) -> None:
        done = inside("MASTER_NETMASK=24 $S start; $S stop; ip -o -4 addr show e0")
        self.assertEqual(done.stdout.splitlines()[1:], ["192.0.2.1 is not on e0 any more"])

    def test_an_interface_that_is_not_there(self) -> None:
        done = inside("$S start", MASTER_NETDEV="nosuch0")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nosuch0", done.stderr)

    def test_on_another_interface_it_is_left_alone(self) -> None:
        done = inside("$S start >/dev/null; MASTER_NETDEV=e1 $S stop; code=$?; ip -o addr show e0; exit $code")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is on e0, not on e1", done.stderr)
        self.assertIn("192.0.2.1/32", done.stdout)

    @skipUnless(shutil.which("ping"), "needs ping (iputils-ping)")
    def test_an_address_that_another_host_has(self) -> None:
        other = """
            ip link add v0 type veth peer name v1; ip addr add 192.0.2.9/24 dev v0; ip link set v0 up
            unshare -n sleep 20 & other=$!; sleep 0.3
            ip link set v1 netns $other
            nsenter -t $other -n sh -c 'ip addr add 192.0.2.1/24 dev v1; ip link set v1 up'
            sleep 0.3; MASTER_NETDEV=v0 $S start; code=$?; kill $other; exit $code
        """
        done = inside(other)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("192.0.2.1 answers, so another host has it", done.stderr)


class ArgumentTests(TestCase):
    def script(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = {
            "PATH": PATH,
            "MASTER_IP": "127.0.3.1",
            "MASTER_NETMASK": "32",
            "MASTER_NETDEV": "nosuch0",
            "CLUSTER_IP_VERSION": "4",
        }
        argv = ["/bin/sh", BUILT_IN, *words]
        return subprocess.run(argv, env={**given, **environment}, capture_output=True, text=True, timeout=60)

    def test_loopback_addresses_need_nothing(self) -> None:
        for address, version in (("127.0.3.1", "4"), ("::1", "6")):
            for word in ("start", "stop"):
                done = self.script(word, MASTER_IP=address, CLUSTER_IP_VERSION=version)
                self.assertEqual(done.returncode, 0, done)
                self.assertIn(f"{address} is a loopback address", done.stdout)

    def test_what_does_not_fit(self) -> None:
        for words, environment, said in (
            ((), {}, "usage: "),
            (("restart",), {}, "usage: "),
            (("start", "stop"), {}, "usage: "),
            (("start",), {"MASTER_NETDEV": ""}, "MASTER_NETDEV is not set"),
            (("stop",), {"CLUSTER_IP_VERSION": "5"}, "must be 4 or 6, not 5"),
        ):
            done = self.script(*words, **environment)
            self.assertEqual((done.returncode, done.stdout), (1, ""), words)
            self.assertIn(said, done.stderr)
