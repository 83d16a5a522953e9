"""kvm without libvirt, and the libvirt of virtual hosts; faults of the fake hypervisor."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection
from typing import Any

from attrs import evolve
from twisted.internet.defer import Deferred

from agent_samples import HostTestCase, disk, spec
from ganeti_tw.agent.hypervisor import libvirt_host
from ganeti_tw.agent.hypervisor.base import GuestNews, HypervisorHost, check_name
from ganeti_tw.agent.hypervisor.fake import FakeHypervisor
from ganeti_tw.agent.hypervisor.kvm import KvmHypervisor, libvirt_uri
from ganeti_tw.agent.hypervisor.libvirt_api import Domain
from ganeti_tw.agent.hypervisor.sockets import check_socket
from ganeti_tw.errors import BadRequest, DriverError, Expired, Refused, WrongState
from ganeti_tw.protocol.instance import NicSpec


class Libvirt:
    """Domains in memory."""

    def __init__(self, uri: str, news: Any) -> None:
        self.news = news
        self.xml: list[str] = []
        self.states: dict[str, str] = {}
        self.broken = False
        self.devices: list[str] = []
        self.stubborn = False

    def description(self, name: str) -> str:
        return f"<domain><devices>{''.join(self.devices)}</devices></domain>"

    def attach(self, name: str, xml: str) -> None:
        self.devices.append(xml)

    def detach(self, name: str, xml: str) -> None:
        if not self.stubborn:
            self.devices.remove(xml)

    def define(self, xml: str) -> None:
        self.xml.append(xml)
        self.states["web1"] = "off"

    def start(self, name: str, paused: bool) -> None:
        if self.broken:
            raise DriverError("no bridge br0")
        self.states[name] = "paused" if paused else "running"

    def shutdown(self, name: str) -> None:
        self.states[name] = "shutdown"

    def undefine(self, name: str) -> None:
        self.states.pop(name, None)

    def state(self, name: str) -> str | None:
        return self.states.get(name)

    def domains(self, names: Collection[str] = ()) -> list[Domain]:
        return [Domain(name, state, 128, 1, 0.5) for name, state in self.states.items() if not names or name in names]


class KvmTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.reasons = 0
        self.made: list[Libvirt] = []

        def connect(uri: str, news: Any) -> Any:
            self.made.append(Libvirt(uri, news))
            return self.made[-1]

        def reason() -> str:
            self.reasons += 1
            return "no /dev/kvm"

        self.kvm = KvmHypervisor(self.host(), connect, reason, "x86_64")
        self.libvirt = self.made[0]
        self.spec = spec(hypervisor="kvm", hvparams={"kvm_path": "/bin/true"})

    def start(self, **hvparams: Any) -> None:
        changed = evolve(self.spec, hvparams={**self.spec.hvparams, **hvparams})
        self.result(self.kvm.start(changed, {}))

    def test_without_kvm_guests_are_emulated_which_is_found_out_once(self) -> None:
        for _ in range(2):
            self.start()
        self.assertIn('<domain type="qemu">', self.libvirt.xml[1])
        self.assertEqual(self.reasons, 1)

    def test_disks_get_the_first_free_name_and_nics_are_known_by_their_mac(self) -> None:
        self.start()
        first, second = (evolve(disk(f"/d{n}"), uuid=f"0000000{n}-0000") for n in (1, 2))
        for one in (first, second):
            self.result(self.kvm.plug(self.spec, one, f"/d{one.uuid}"))
        self.result(self.kvm.unplug(self.spec, first))
        self.assertIn('dev="vdb"', self.libvirt.devices[0])
        self.result(self.kvm.plug(self.spec, first, "/d1"))
        self.assertIn('dev="vda"', self.libvirt.devices[1])
        nic = NicSpec("n1", 0, "AA:00:00:00:00:01", "bridged", "br0")
        for _ in range(2):
            self.result(self.kvm.plug(self.spec, nic, ""))
        self.assertEqual(len(self.libvirt.devices), 3)
        for _ in range(2):
            self.result(self.kvm.unplug(self.spec, nic))
        self.assertEqual(len(self.libvirt.devices), 2)

    def test_what_cannot_be_plugged(self) -> None:
        nic = NicSpec("n1", 0, "aa:00:00:00:00:01", "bridged", "br0")
        for wrong, device in (("ide", disk("/d1")), ("ne2k_isa", nic)):
            changed = evolve(self.spec, hvparams={"disk_type": wrong, "nic_type": wrong})
            work = Deferred.fromCoroutine(self.kvm.plug(changed, device, "/d1"))
            self.assertIn(wrong, str(self.failureResultOf(work, BadRequest).value))

    def test_a_guest_that_does_not_let_go_of_a_device(self) -> None:
        self.libvirt.stubborn = True
        self.result(self.kvm.plug(self.spec, disk("/d1"), "/d1"))
        work = Deferred.fromCoroutine(self.kvm.unplug(self.spec, disk("/d1")))
        self.clock.pump([1.0] * 5)
        self.assertIn("does not let go", str(self.failureResultOf(work, DriverError).value))

    def test_kvm_flag_decides(self) -> None:
        self.start(kvm_flag="enabled")
        self.assertIn('<domain type="kvm">', self.libvirt.xml[0])

    def test_a_start_that_fails_leaves_no_domain(self) -> None:
        self.libvirt.broken = True
        self.failure(self.kvm.start(self.spec, {}), DriverError)
        self.assertEqual(self.libvirt.states, {})

    def test_a_guest_that_shut_itself_down_is_listed_as_such_until_forgotten(self) -> None:
        self.start()
        self.result(self.kvm.stop("web1", force=False))
        self.assertEqual([g.state for g in self.result(self.kvm.list())], ["shutdown"])
        self.result(self.kvm.forget("web1"))
        self.assertEqual(self.result(self.kvm.list()), ())

    def test_since_when_it_runs_is_known_while_it_does(self) -> None:
        before = time.time()
        self.start()
        (guest,) = self.result(self.kvm.list())
        assert guest.started is not None
        self.assertLess(abs(guest.started - before), 30)
        self.result(self.kvm.stop("web1", force=False))
        self.assertEqual([g.started for g in self.result(self.kvm.list())], [None])
        self.result(self.kvm.forget("web1"))
        self.libvirt.states["web1"] = "running"  # started by somebody else
        self.assertEqual([g.started for g in self.result(self.kvm.list())], [None])

    def test_a_crashed_guest_is_not_listed(self) -> None:
        self.libvirt.states["web1"] = "off"
        self.assertEqual(self.result(self.kvm.list()), ())

    def test_what_the_console_said_is_kept_within_bounds(self) -> None:
        path = self.kvm.console_log("web1")
        os.makedirs(os.path.dirname(path))
        lines = b"".join(b"line %07d\n" % number for number in range(100_000))
        writes = (
            lambda: self.kvm.start(self.spec, {}),
            lambda: self.kvm.console(self.spec),
            lambda: self.kvm.stop("web1", force=False),
            lambda: self.kvm.forget("web1"),
        )
        for step in writes:
            with open(path, "ab") as emulator:
                emulator.write(lines)
                self.result(step())
                emulator.write(b"the last\n")
            with open(path, "rb") as file:
                said = file.read()
            if step is writes[2]:
                continue
            self.assertLess(len(said), 2**18 + 100)
            self.assertRegex(said[:20], rb"^line \d{7}\n")
            self.assertTrue(said.endswith(b"line 0099999\nthe last\n"))

    def test_a_short_one_is_left_alone(self) -> None:
        path = self.kvm.console_log("web1")
        os.makedirs(os.path.dirname(path))
        with open(path, "wb") as file:
            file.write(b"x" * 2**20)
        self.result(self.kvm.start(self.spec, {}))
        self.assertEqual(os.path.getsize(path), 2**20)

    def test_consoles(self) -> None:
        self.failure(self.kvm.console(self.spec), WrongState)
        self.start()
        console = self.result(self.kvm.console(self.spec))
        self.assertEqual((console.kind, console.host, console.command[0]), ("ssh", "node1", sys.executable))
        params = {"serial_console": False, "vnc_bind_address": "0.0.0.0"}
        console = self.result(self.kvm.console(evolve(self.spec, hvparams=params, network_port=11007)))
        self.assertEqual((console.kind, console.host, console.port, console.display), ("vnc", "node1", 11007, 5107))
        console = self.result(self.kvm.console(evolve(self.spec, hvparams={"serial_console": False})))
        self.assertEqual(console.kind, "msg")

    def test_names_too_long_for_a_socket_are_refused(self) -> None:
        long = evolve(self.spec, name="x" * 120)
        self.assertIn("too many", str(self.failure(self.kvm.start(long, {}), BadRequest)))

    def test_news_are_passed_on_once_somebody_watches(self) -> None:
        self.libvirt.news("web1", False)
        told: list[GuestNews] = []
        self.kvm.watch(told.append)
        self.libvirt.news("web1", True)
        self.assertEqual(told, [GuestNews("web1", True)])


class LibvirtHostTests(HostTestCase):
    def test_the_uri_is_the_one_set_the_virtual_hosts_or_the_machines(self) -> None:
        host = self.host()
        self.assertEqual(libvirt_uri(host), "qemu:///system")
        self.assertEqual(libvirt_uri(evolve(host, libvirt_uri="test:///default")), "test:///default")
        virtual = HypervisorHost(
            "node1", self.directory + "/var/run/ganeti", self.clock, self.blocking, lambda f, *a: None
        )
        self.assertEqual(libvirt_uri(virtual), f"qemu:///embed?root={self.directory}/var/lib/libvirt")

    def test_prepared_it_has_a_uri_and_a_configuration(self) -> None:
        uri = libvirt_host.prepare(self.directory, os.path.join(self.directory, "caps"))
        where = libvirt_host.libvirt_directory(self.directory)
        self.assertEqual(uri, "qemu:///embed?root=" + where)
        self.assertTrue(os.path.isfile(where + "/etc/qemu.conf"))
        self.assertTrue(os.path.isdir(where + "/cache/qemu/capabilities"))
        self.assertEqual(libvirt_host.prepare(self.directory, os.path.join(self.directory, "caps")), uri)

    def test_a_root_too_long_for_sockets_is_reached_by_a_link(self) -> None:
        ways = tempfile.mkdtemp(prefix="w", dir="/tmp")
        self.addCleanup(shutil.rmtree, ways)
        root = self.directory + "/" + "x" * 60
        way = libvirt_host.prepare(root, ways=ways).partition("=")[2]
        self.assertEqual(os.path.realpath(way), os.path.realpath(libvirt_host.libvirt_directory(root)))
        self.assertEqual(libvirt_host.prepare(root, ways=ways).partition("=")[2], way)
        libvirt_host.cleanup(root, ways=ways)
        self.assertEqual(os.listdir(ways), [])

    def test_a_link_that_leads_elsewhere_is_refused(self) -> None:
        ways = tempfile.mkdtemp(prefix="w", dir="/tmp")
        self.addCleanup(shutil.rmtree, ways)
        root = self.directory + "/" + "x" * 60
        os.symlink("/somewhere", libvirt_host.way_to(root, ways))
        self.assertRaises(Refused, libvirt_host.prepare, root, ways=ways)

    def test_cleanup_spares_processes_that_are_no_guests(self) -> None:
        where = libvirt_host.libvirt_directory(self.directory) + "/run/qemu"
        os.makedirs(where)
        for name, content in (("web1.pid", str(os.getpid())), ("web2.pid", "x"), ("driver.pid", str(os.getpid()))):
            with open(os.path.join(where, name), "w") as f:
                f.write(content)
        killed: list[int] = []
        self.assertEqual(libvirt_host.cleanup(self.directory, lambda pid, number: killed.append(pid)), ())
        self.assertEqual((killed, os.path.exists(where)), ([], False))
        self.assertEqual(libvirt_host.cleanup(self.directory), ())

    def test_the_longest_socket_path_has_107_bytes(self) -> None:
        self.assertEqual(check_socket("/" * 107), "/" * 107)
        self.assertRaises(BadRequest, check_socket, "/" * 108)


class FaultTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.fake = FakeHypervisor(self.host())

    def faults(self, text: str) -> None:
        os.makedirs(os.path.join(self.directory, "fake-hypervisor"), exist_ok=True)
        with open(os.path.join(self.directory, "fake-hypervisor", ".faults"), "w") as f:
            f.write(text)

    def running(self) -> bool:
        return bool(self.result(self.fake.is_running("web1")))

    def test_the_file_is_ganetis(self) -> None:
        self.result(self.fake.start(spec(), {}))
        with open(os.path.join(self.directory, "fake-hypervisor", "web1")) as f:
            self.assertEqual(f.read(), "0\n128\n1\n")

    def test_told_to_die_it_lives_a_second(self) -> None:
        self.faults(json.dumps({"start": {"*": "die"}}))
        self.result(self.fake.start(spec(), {}))
        self.assertTrue(self.running())
        self.clock.advance(1)
        self.assertFalse(self.running())

    def test_deaf_it_hears_force_alone(self) -> None:
        self.result(self.fake.start(spec(), {}))
        self.faults(json.dumps({"stop": {"web1": "deaf"}}))
        self.result(self.fake.stop("web1", force=False))
        self.assertTrue(self.running())
        self.result(self.fake.stop("web1", force=True))
        self.assertFalse(self.running())

    def test_stalled_it_expires(self) -> None:
        self.faults(json.dumps({"console": {"web1": "stall"}}))
        asked = Deferred.fromCoroutine(self.fake.console(spec()))
        self.clock.advance(59)
        self.assertNoResult(asked)
        self.clock.advance(1)
        self.failureResultOf(asked, Expired)

    def test_faults_that_cannot_be_read_are_told(self) -> None:
        for text in ("{", "[]", '{"list": 1}'):
            self.faults(text)
            self.failure(self.fake.list(), DriverError)

    def test_a_file_that_is_no_guest_is_told(self) -> None:
        self.result(self.fake.start(spec(), {}))
        with open(os.path.join(self.directory, "fake-hypervisor", "web1"), "w") as f:
            f.write("0\n")
        self.failure(self.fake.list(), DriverError)

    def test_names_that_lead_elsewhere_are_refused(self) -> None:
        for name in ("", ".faults", "a/b", "x" * 300):
            self.assertRaises(BadRequest, check_name, name)
