"""A node looks at itself."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import Any

from agent_samples import HostTestCase, disk
from ganeti_tw.agent.figures import Figures
from ganeti_tw.agent.hypervisor.fake import FakeHypervisor
from ganeti_tw.agent.osdef.definition import OsDefinitions
from ganeti_tw.agent.storage.base import StorageHost
from ganeti_tw.agent.storage.registry import build_storages
from ganeti_tw.agent.verify import (
    HostSurvey,
    Inspector,
    directory_problem,
    exposed,
    path_problem,
    room_problem,
    writable_problem,
)
from ganeti_tw.model.paths import Paths
from ganeti_tw.model.versions import PROTOCOL_VERSION, VCS
from ganeti_tw.protocol.node import InstanceDisk, NodeReport, VerifyNode
from ganeti_tw.protocol.registry import pack, pack_answer, unpack, unpack_answer
from ganeti_tw.wire.identity import Unjoined

NOW = 1_800_000_000.0


class VerifyTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.paths = Paths(self.directory)
        for path in (self.paths.data, self.paths.run, self.paths.os_log):
            os.makedirs(path)
        self.allowed = self.below("/disks")
        os.makedirs(self.allowed)
        self.meminfo = "MemTotal: 2048 kB\nMemFree: 2048 kB\nBuffers: 0 kB\nCached: 0 kB\nActive: 0 kB\n"

    def below(self, path: str) -> str:
        return self.paths.below(path)

    def write(self, path: str, text: str = "x") -> None:
        with open(path, "w") as file:
            file.write(text)

    def inspect(self, *, allowed: tuple[str, ...] = (), **asked: Any) -> NodeReport:
        read = {
            "/proc/meminfo": self.meminfo,
            "/proc/cpuinfo": "",
            "/proc/sys/kernel/random/boot_id": "b",
        }.__getitem__
        inspector = Inspector(
            {"fake": FakeHypervisor(self.host())},
            build_storages(StorageHost(self.blocking, lambda: [self.allowed])),
            OsDefinitions([self.below("/os")], self.blocking),
            Figures(self.blocking, read),
            HostSurvey(self.paths, allowed),
            self.blocking,
            lambda: NOW,
            self,
        )
        report: NodeReport = self.result(inspector.inspect(VerifyNode(**{"hypervisors": ("fake",), **asked})))
        return report

    async def problem(self, address: str) -> str:
        return "" if address == "192.0.2.2" else "nobody answers"

    async def silence(self, address: str) -> str:
        return "" if address == "192.0.2.2" else "no host has it"

    def test_addresses_that_some_host_must_have(self) -> None:
        report = self.inspect(addresses={"a": "192.0.2.2", "b": "192.0.2.3"})
        self.assertEqual(report.unreachable, {"b": "no host has it"})

    def test_peers(self) -> None:
        report = self.inspect(peers={"n2": "192.0.2.2", "n3": "192.0.2.3"})
        self.assertEqual(report.unreachable, {"n3": "nobody answers"})

    def test_a_sound_host(self) -> None:
        report = self.inspect(storage={"file": "/disks"})
        self.assertEqual((report.protocol, report.release, report.time), (PROTOCOL_VERSION, VCS, NOW))
        self.assertEqual((report.hypervisors, report.setup, report.storage), ({"fake": ""}, (), {}))
        self.assertEqual((report.memory_free, report.oses, report.guests), (2, (), ()))

    def test_it_travels(self) -> None:
        question = VerifyNode(("fake",), {"file": "/d"}, (InstanceDisk("web1", disk("/d/0")),), {"/x": "file"})
        self.assertEqual(unpack(*pack(question)), question)
        report = self.inspect(paths={"/nowhere": "file"})
        self.assertEqual(unpack_answer("node.verify/1", pack_answer(report)), report)

    def test_hypervisors_that_cannot_be_used(self) -> None:
        os.makedirs(os.path.join(self.directory, "fake-hypervisor"), exist_ok=True)
        self.write(os.path.join(self.directory, "fake-hypervisor", ".faults"), '{"list": "broken"}')
        report = self.inspect(hypervisors=("fake", "kvm"))
        self.assertIn("no driver", report.hypervisors["kvm"])

    def test_files_have_the_names_of_a_real_host(self) -> None:
        self.write(self.paths.hmac_key, "secret")
        self.write(self.paths.ssconf("master_node"), "n1\n")
        self.write(self.paths.ssconf("master_node") + ".new", "half")
        self.assertEqual(
            self.inspect().files,
            {
                "/var/lib/ganeti/hmac.key": sha256(b"secret").hexdigest(),
                "/var/lib/ganeti/ssconf_master_node": sha256(b"n1\n").hexdigest(),
            },
        )

    def test_certificates(self) -> None:
        Unjoined.create("node1", NOW).save(self.paths.tls)
        ((name, end),) = self.inspect().certificates.items()
        self.assertEqual(name, "/var/lib/ganeti/tls/identity.pem")
        self.assertGreater(end, NOW)

    def test_certificates_for_clients(self) -> None:
        certificate = Unjoined.create("node1", NOW).certificate
        self.write(f"{self.paths.data}/rapi.pem", certificate)
        self.write(f"{self.paths.data}/spice.pem", "nonsense")
        report = self.inspect()
        self.assertEqual(list(report.certificates), ["/var/lib/ganeti/rapi.pem"])
        self.assertIn("/var/lib/ganeti/spice.pem holds no certificate that can be read", report.setup)

    def test_keys_that_everybody_may_read(self) -> None:
        Unjoined.create("node1", NOW).save(self.paths.tls)
        self.write(self.paths.hmac_key, "secret")
        os.chmod(self.paths.data, 0o755)
        for mode, found in ((0o440, []), (0o444, [self.paths.hmac_key])):
            os.chmod(self.paths.hmac_key, mode)
            self.assertEqual(exposed(self.paths), found)
        (said,) = self.inspect().setup
        self.assertIn(f"{self.paths.hmac_key} can be read by every user", said)
        os.chmod(self.paths.data, 0o750)
        self.assertEqual(exposed(self.paths), [])

    def test_a_directory_that_is_missing(self) -> None:
        os.rmdir(self.paths.os_log)
        self.assertEqual(self.inspect().setup, (f"{self.paths.os_log} is not there or no directory",))

    def test_memory_that_cannot_be_read(self) -> None:
        self.meminfo = ""
        report = self.inspect()
        self.assertIsNone(report.memory_free)
        self.assertIn("MemFree", report.setup[0])

    def test_places_for_disks(self) -> None:
        self.write(self.below("/plain"))
        report = self.inspect(
            storage={"file": "/plain", "sharedfile": "/not/yet"}, allowed=(self.below("/etc/x"), self.below("/srv"))
        )
        self.assertEqual(report.storage, {"file": f"{self.below('/plain')} is no directory"})
        self.assertEqual(report.forbidden_paths, (f"{self.paths.settings}: /etc/x: not a place for disks",))

    def test_places_for_disks_in_the_file_of_the_host(self) -> None:
        os.makedirs(os.path.dirname(self.paths.file_storage_paths))
        self.write(self.paths.file_storage_paths, "# comment\n/disks\nrelative\n/usr/bin\n")
        report = self.inspect(storage={"file": "/disks/a", "sharedfile": "/elsewhere", "gluster": "/disks"})
        self.assertEqual(list(report.storage), ["sharedfile"])
        self.assertIn("/elsewhere: not below", report.storage["sharedfile"])
        where = self.paths.file_storage_paths
        self.assertEqual(
            report.forbidden_paths,
            (f"{where}: relative: not an absolute path", f"{where}: /usr/bin: not a place for disks"),
        )

    def test_a_forbidden_place(self) -> None:
        report = self.inspect(storage={"file": "/etc/disks"})
        self.assertEqual(report.storage, {"file": "/etc/disks: not a place for disks"})

    def test_a_file_that_cannot_be_read_allows_nothing(self) -> None:
        os.makedirs(self.paths.file_storage_paths)
        report = self.inspect(storage={"file": "/disks"})
        self.assertIn("it has none", report.storage["file"])
        self.assertIn("cannot be read", report.forbidden_paths[0])

    def test_disks(self) -> None:
        there, gone, odd = (
            disk(path, index=i) for i, path in enumerate((f"{self.allowed}/a", f"{self.allowed}/b", "/c"))
        )
        self.write(f"{self.allowed}/a")
        report = self.inspect(disks=tuple(InstanceDisk("web1", d) for d in (there, gone, odd)))
        self.assertEqual(list(report.disks), [gone.uuid, odd.uuid])
        self.assertIsNone(report.disks[gone.uuid])
        self.assertIn("/c is not below", str(report.disks[odd.uuid]))

    def test_paths(self) -> None:
        program = self.below("/program")
        self.write(program)
        self.assertEqual(path_problem(program, "file"), "")
        self.assertIn("cannot be executed", path_problem(program, "program"))
        os.chmod(program, 0o755)
        self.assertEqual(path_problem(program, "program"), "")
        self.assertIn("no directory", path_problem(program, "directory"))
        self.assertEqual(path_problem(self.directory, "directory"), "")
        self.assertIn("no file", path_problem(self.directory, "file"))
        self.assertEqual(self.inspect(paths={program: "file", "/nowhere": "file"}).paths.keys(), {"/nowhere"})

    def test_programs_are_below_the_root(self) -> None:
        self.write(self.below("/helper"))
        self.assertIn("cannot be executed", self.inspect(paths={"/helper": "program"}).paths["/helper"])
        os.chmod(self.below("/helper"), 0o755)
        self.assertEqual(self.inspect(paths={"/helper": "program"}).paths, {})

    def test_room(self) -> None:
        self.assertEqual(room_problem(self.directory, 0), "")
        self.assertIn("at least 1073741824 MiB are needed", room_problem(self.directory, 1 << 30))

    def test_directories(self) -> None:
        self.assertEqual(writable_problem(self.directory), "")
        self.assertIn("cannot be made", directory_problem("/proc/self/not/there"))
