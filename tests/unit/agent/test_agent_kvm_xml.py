"""Domains as they must come out; recorded in ``expected/``.

After a wanted change: ``GANETI_RECORD=1 pytest tests/unit/agent/test_agent_kvm_xml.py``, and review the difference.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from agent_samples import BE, disk, nic, spec
from ganeti_tw.agent.hypervisor.kvm import emulator
from ganeti_tw.agent.hypervisor.kvm_xml import Places, domain_xml
from ganeti_tw.agent.hypervisor.native import why_not_native
from ganeti_tw.errors import BadRequest, DriverError

EXPECTED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected")
PLACES = Places("/usr/bin/qemu-system-x86_64", "/run/c/web1.serial", "/run/l/web1.log", "/run/c/web1.qga", "/ifup")


def xml(native: bool = False, **changes: Any) -> str:
    paths = {d.index: d.logical_id[1] for d in changes.get("disks", ())}
    return domain_xml(spec(hypervisor="kvm", **changes), paths, PLACES, native)


class ExpectedTests(SynchronousTestCase):
    maxDiff = None

    def check(self, name: str, text: str) -> None:
        path = os.path.join(EXPECTED, name + ".xml")
        if os.environ.get("GANETI_RECORD"):
            with open(path, "w") as f:
                f.write(text)
        with open(path) as f:
            self.assertEqual(text.splitlines(), f.read().splitlines())

    def test_the_smallest(self) -> None:
        self.check("smallest", xml())

    def test_own_disk_on_the_user_network_emulated(self) -> None:
        self.check("tiny", xml(disks=(disk("/srv/d0"),), nics=(nic(link="user"),)))

    def test_direct_kernel_boot_with_every_kind_of_nic_native(self) -> None:
        params = {
            "kernel_path": "/boot/vmlinuz",
            "initrd_path": "/boot/initrd",
            "root_path": "/dev/vda1",
            "kernel_args": "ro quiet",
            "serial_speed": 115200,
            "cpu_type": "host",
            "vhost_net": True,
            "virtio_net_queues": 2,
            "use_guest_agent": True,
        }
        nics = (
            nic(),
            nic(index=1, mode="openvswitch", link="sw1", vlan=".10"),
            nic(index=2, mode="openvswitch", link="sw1", vlan=":20:30"),
            nic(index=3, mode="routed", link="100"),
        )
        disks = (disk("/dev/xenvg/d0", dev_type="plain"), disk("/srv/shared/d1", dev_type="sharedfile", index=1))
        self.check("kernel", xml(True, hvparams=params, disks=disks, nics=nics, beparams={**BE, "vcpus": 2}))

    def test_an_old_machine_with_cd_floppy_and_screen(self) -> None:
        params = {
            "boot_order": "cdrom",
            "cdrom_image_path": "/srv/iso/a.iso",
            "cdrom2_image_path": "http://mirror.example.com/b.iso",
            "floppy_image_path": "/srv/f.img",
            "disk_type": "ide",
            "nic_type": "e1000",
            "vnc_bind_address": "127.0.0.1",
            "use_localtime": True,
            "acpi": False,
            "serial_console": False,
            "soundhw": "ac97",
            "reboot_behavior": "exit",
            "kvm_extra": "-device  foo",
        }
        self.check("old", xml(hvparams=params, disks=(disk("/srv/d0"),), nics=(nic(),), network_port=11007))

    def test_scsi_pinned_and_shaped(self) -> None:
        params = {
            "disk_type": "scsi",
            "scsi_controller_type": "virtio-scsi-pci",
            "disk_aio": "native",
            "disk_discard": "unmap",
            "cpu_mask": "0-1:all:3:all",
            "cpu_sockets": 1,
            "cpu_cores": 2,
            "cpu_threads": 2,
            "cpu_type": "Haswell,+vmx,-hle",
            "spice_bind": "127.0.0.1",
            "mem_path": "/dev/hugepages",
        }
        self.check("scsi", xml(hvparams=params, disks=(disk("/srv/d0"),), beparams={**BE, "vcpus": 4}))


class RefusalTests(SynchronousTestCase):
    def refused(self, word: str, **changes: Any) -> None:
        self.assertIn(word, str(self.assertRaises(BadRequest, xml, **changes)))

    def test_what_cannot_be_had_is_named(self) -> None:
        self.refused("'mtd'", hvparams={"disk_type": "mtd"})
        self.refused("'tape'", hvparams={"boot_order": "tape"})
        self.refused("'pool'", nics=(nic(mode="pool"),))
        self.refused("'5000'", nics=(nic(mode="openvswitch", vlan="5000"),))
        self.refused("not 1 vCPUs", hvparams={"cpu_sockets": 2})
        self.refused("2 lists", hvparams={"cpu_mask": "0:1"})
        self.refused("VNC and SPICE", hvparams={"vnc_bind_address": "::1", "spice_bind": "::1"})

    def test_a_name_with_markup_stays_text(self) -> None:
        self.assertIn("<name>a&lt;b&gt;</name>", domain_xml(spec("a<b>"), {}, PLACES, False))


class HostTests(SynchronousTestCase):
    def test_the_default_binary_is_replaced_by_qemu(self) -> None:
        self.assertEqual(emulator({}, "x86_64", lambda path: True), "/usr/bin/qemu-system-x86_64")
        self.assertEqual(emulator({"kvm_path": "/opt/q"}, "x86_64", lambda path: True), "/opt/q")

    def test_a_missing_binary_is_named(self) -> None:
        error = self.assertRaises(DriverError, emulator, {"kvm_path": "/opt/q"}, "x86_64", lambda path: False)
        self.assertIn("/opt/q", str(error))

    def test_kvm_needs_the_device_its_version_and_the_processor(self) -> None:
        def none(device: str) -> int:
            raise FileNotFoundError(2, "No such file")

        able = "vendor_id : GenuineIntel\nflags : fpu vmx\n"
        self.assertEqual(why_not_native(able, version_of=lambda device: 12), "")
        self.assertEqual(why_not_native("BogoMIPS : 1\n", version_of=lambda device: 12), "")
        self.assertIn("No such file", why_not_native(able, version_of=none))
        self.assertIn("version 11", why_not_native(able, version_of=lambda device: 11))
        self.assertIn("vmx", why_not_native(able.replace("vmx", ""), version_of=lambda device: 12))
