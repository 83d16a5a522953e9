"""``gnt-cluster verify``: each check on a small cluster."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest, NotFound, NotSent
from ganeti_tw.ledger.messages import FollowerState, LedgerState
from ganeti_tw.model.codec import row
from ganeti_tw.model.config import Config
from ganeti_tw.model.new import new_disk, new_instance
from ganeti_tw.model.ssconf import ssconf
from ganeti_tw.model.verify_codes import CODES, GANETI, LEDGER
from ganeti_tw.model.versions import PROTOCOL_VERSION, RELEASE, VCS
from ganeti_tw.operations.steps.verify_files import CONFIG_DATA, DATA, HMAC_KEY
from ganeti_tw.protocol.instance import RunningInstance
from ganeti_tw.protocol.ledger import Position
from ganeti_tw.protocol.node import NodeReport, VerifyNode
from operation_samples import (
    DISK1,
    GROUP2,
    N1,
    N2,
    N3,
    NOOP,
    NOW,
    WEB1,
    FakeHands,
    changed,
    cluster,
    operation,
    ran,
    uuid,
)

DAY = 86400.0


def up(config: Config) -> Config:
    return changed(config, config.instances[WEB1], admin_state="up")


def files_of(config: Config, *, candidate: bool = True) -> dict[str, str]:
    files = {f"{DATA}/ssconf_{k}": sha256(v.encode()).hexdigest() for k, v in ssconf(config, RELEASE).items()}
    return {**files, HMAC_KEY: "1", **({CONFIG_DATA: "2"} if candidate else {})}


def healthy(config: Config, name: str) -> NodeReport:
    """What a node says of itself when all is well."""
    node = config.node(name)
    guests = [
        RunningInstance(i.name, i.hypervisor, "running", 128, 1) for i in config.primaries(node.uuid) if i.admin_up
    ]
    return NodeReport(
        protocol=PROTOCOL_VERSION,
        release=VCS,
        time=NOW,
        hypervisors=dict.fromkeys(config.cluster.enabled_hypervisors, ""),
        guests=tuple(guests),
        setup=(),
        files=files_of(config, candidate=node.master_candidate),
        certificates={"identity.pem": NOW + 100 * DAY},
        oses=(NOOP,),
        storage={},
        forbidden_paths=(),
        paths={},
        disks={},
        memory_free=1000,
    )


class VerifyTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        config = cluster()
        config = changed(config, config.cluster, candidate_pool_size=2)
        config = changed(config, config.disks[DISK1], size=1024)
        self.config = up(config)
        self.faults: dict[str, Any] = {}
        self.ledger: LedgerState | None = None

    def node(self, name: str, **faults: Any) -> None:
        """Let a node report something else."""
        self.faults[name] = faults

    def run_group(self, group: str = "default", **parameters: Any) -> tuple[bool, list[str]]:
        test = self

        class Hands(FakeHands):
            def on_node(self, node: str, path: str, message: Any, timeout: float) -> Any:
                faults = test.faults.get(node, {})
                healed = isinstance(faults, dict) and any(self.slept) and faults.get("passing")
                if isinstance(faults, Exception):
                    self.answers_of[VerifyNode] = faults
                else:
                    wrong = {} if healed else {k: v for k, v in faults.items() if k != "passing"}
                    self.answers_of[VerifyNode] = evolve(healthy(self.config(), node), **wrong)
                return super().on_node(node, path, message, timeout)

        self.hands = Hands(self.config)
        if self.ledger is not None:
            self.hands.ledger = self.ledger
        op = operation("OP_CLUSTER_VERIFY_GROUP", **{"group_name": group, "error_codes": True, **parameters})
        good = self.successResultOf(ran(op, self.hands))
        return good, [line for line in self.hands.said if not line.startswith("* ")]

    def finds(self, *lines: str, group: str = "default", good: bool = False, **parameters: Any) -> None:
        """Each of the lines found begins with its counterpart here; notices are left out."""
        result, said = self.run_group(group, **parameters)
        found = [line.removeprefix("  - ") for line in said if "NOTICE" not in line]
        self.assertEqual(len(found), len(lines), found)
        for line, wanted in zip(found, lines, strict=True):
            self.assertIn(wanted, line)
        self.assertEqual(result, good)


class NodeTests(VerifyTestCase):
    def test_nothing_is_wrong(self) -> None:
        self.finds(good=True)

    def test_no_answer(self) -> None:
        self.faults["n2.example"] = NotSent("no route")
        self.finds("ERROR:ENODERPC:node:n2.example:it gave no answer: no route")

    def test_protocol_and_release(self) -> None:
        self.node("n1.example", protocol=2)
        self.node("n2.example", release="other")
        self.finds("ERROR:ENODEVERSION:node:n1.example:", "WARNING:ENODEVERSION:node:n2.example:it runs other")

    def test_another_release_alone_is_no_error(self) -> None:
        self.node("n2.example", release="other")
        self.finds("WARNING:ENODEVERSION", good=True)

    def test_hypervisor(self) -> None:
        self.node("n2.example", hypervisors={"fake": "no libvirt", "kvm": ""}, guests=())
        self.finds("ERROR:ENODEHV:node:n2.example:hypervisor fake cannot be used: no libvirt")

    def test_setup(self) -> None:
        self.node("n2.example", setup=("/x cannot be written",))
        self.finds("ERROR:ENODESETUP:node:n2.example:/x cannot be written")

    def test_clock(self) -> None:
        self.node("n1.example", time=NOW + 149)
        self.node("n2.example", time=NOW - 151)
        self.finds("ERROR:ENODETIME:node:n2.example:its clock is 151.0 s behind")
        self.node("n2.example", time=NOW + 200)
        self.finds("200.0 s ahead")

    def test_certificates(self) -> None:
        for left, level in ((-1, "ERROR"), (6, "ERROR"), (8, "WARNING")):
            self.node("n2.example", certificates={"identity.pem": NOW + left * DAY})
            self.finds(f"{level}:ECLUSTERCERT:cluster:n2.example:", good=level == "WARNING")

    def test_storage_directories(self) -> None:
        self.node("n2.example", storage={"file": "no", "sharedfile": "no"}, forbidden_paths=("/etc: no",))
        self.finds(
            "ENODEFILESTORAGEPATHUNUSABLE:node:n2.example",
            "ENODESHAREDFILESTORAGEPATHUNUSABLE:node:n2.example",
            "ENODEFILESTORAGEPATHS:node:n2.example",
        )

    def test_paths_of_hypervisor_parameters(self) -> None:
        config = self.config
        web1 = config.instances[WEB1]
        self.config = changed(config, web1, hypervisor="kvm", hvparams={"kernel_path": "/k"})
        self.node("n2.example", paths={"/k": "/k is not there"})
        self.finds("ENODEHV:node:n2.example:kvm parameter kernel_path of instance web1.example: /k is not there")
        asked = next(m for name, m in self.hands.asked if name == "n2.example")
        self.assertEqual(asked.paths, {"/k": "file"})

    def test_out_of_band_program(self) -> None:
        node = self.config.nodes[N2]
        self.config = changed(self.config, node, ndparams={"oob_program": "/oob"})
        self.node("n1.example", paths={"/oob": "/oob is not there"})
        self.finds("ENODEOOBPATH:node:n1.example:out-of-band program: /oob is not there")

    def test_script_for_the_address_of_the_cluster(self) -> None:
        path = "/etc/ganeti/scripts/master-ip-setup"
        self.config = changed(self.config, self.config.cluster, use_external_mip_script=True)
        self.node("n2.example", paths={path: f"{path} is not executable"})
        found = "ENODEUSERSCRIPTS:node:n2.example:script for the cluster's address: "
        _, said = self.run_group("default")
        self.assertIn(f"  - ERROR:{found}{path} is not executable", said)
        asked = next(m for name, m in self.hands.asked if name == "n2.example")
        self.assertEqual(asked.paths, {path: "program"})

    def test_oses(self) -> None:
        self.node("n2.example", oses=(evolve(NOOP, name="odd"), evolve(NOOP, variants=("a",))))
        self.finds("ENODEOS:node:n2.example:OS noop has other variants", "OS odd is here but not on n1.example")
        self.node("n2.example", oses=())
        self.finds("ENODEOS:node:n2.example:OS noop is missing")
        self.node("n2.example", oses=(evolve(NOOP, valid=False, problem="no create"),))
        self.finds("ENODEOS:node:n2.example:OS noop is not valid: no create")

    def test_offline_nodes_are_not_asked(self) -> None:
        self.config = changed(self.config, self.config.nodes[N2], offline=True)
        _, said = self.run_group(verbose=True)
        self.assertIn("  - NOTICE: 1 offline node(s) found.", said)
        self.assertIn("* Skipping offline node n2.example", self.hands.said)
        self.assertEqual({name for name, _ in self.hands.asked}, {"n1.example"})


class FileTests(VerifyTestCase):
    def test_no_checksums(self) -> None:
        self.node("n2.example", files={})
        self.finds("ERROR:ENODEFILECHECK:node:n2.example")

    def test_other_and_missing_files(self) -> None:
        files = files_of(self.config, candidate=False)
        del files[f"{DATA}/ssconf_master_node"]
        self.node("n2.example", files={**files, HMAC_KEY: "9"})
        self.finds(
            f"ERROR:ECLUSTERFILECHECK:cluster:cluster.example:file {HMAC_KEY} is not as it should be on n2.example",
            f"file {DATA}/ssconf_master_node is missing on n2.example",
        )
        self.assertEqual([s for s in self.hands.slept if s], [1.0, 2.0, 3.0])

    def test_files_a_moment_late_are_fine(self) -> None:
        self.node("n2.example", files={**files_of(self.config, candidate=False), HMAC_KEY: "9"}, passing=True)
        self.finds(good=True)

    def test_config_data_is_for_candidates(self) -> None:
        self.node("n2.example", files=files_of(self.config))
        self.finds("WARNING:ECLUSTERFILECHECK", good=True)
        self.node("n3.example", files={**files_of(self.config), CONFIG_DATA: "3"})
        self.finds(f"ERROR:ECLUSTERFILECHECK:cluster:cluster.example:file {CONFIG_DATA}", group="other")


class LedgerTests(VerifyTestCase):
    def state(self, *followers: FollowerState, problem: str = "") -> None:
        self.ledger = LedgerState(Position(9, 1), 1, 9, 0, problem, followers)

    def test_figures(self) -> None:
        _, said = self.run_group("other")
        self.assertEqual(said, ["  - NOTICE: ledger on n3.example: in sync, at change 5, 0 behind, heard 0.5 s ago"])

    def test_out_of_sync(self) -> None:
        self.state(FollowerState("n3.example", False, 2, 7, None, "cut"))
        self.finds(
            "ERROR:ENODELEDGER:node:n3.example:its copy of the ledger is not in sync: at change 2, 7 behind, "
            "never heard; cut",
            group="other",
        )

    def test_not_followed(self) -> None:
        self.state(problem="disk full")
        self.finds("ENODELEDGER:node:n3.example:it is a master candidate but", group="other")
        self.finds("ENODELEDGER:node:n1.example:nothing can be stored: disk full")


class InstanceTests(VerifyTestCase):
    def guest(self, name: str, state: str = "running") -> RunningInstance:
        return RunningInstance(name, "fake", state, 128, 1)

    def test_down(self) -> None:
        self.node("n2.example", guests=())
        self.finds("ERROR:EINSTANCEDOWN:instance:web1.example:it should run, but does not on its primary node n2")

    def test_up_though_down(self) -> None:
        self.config = changed(self.config, self.config.instances[WEB1], admin_state="down")
        self.node("n2.example", guests=(self.guest("web1.example"),))
        self.finds("ERROR:EINSTANCEWRONGNODE:instance:web1.example:it runs on n2.example but should be down")

    def test_elsewhere(self) -> None:
        self.node("n1.example", guests=(self.guest("web1.example"),))
        self.finds("ERROR:EINSTANCEWRONGNODE:instance:web1.example:it should not run on n1.example")

    def test_orphans(self) -> None:
        self.node("n1.example", guests=(self.guest("web1"), self.guest("gone", "shutdown")))
        self.finds("ERROR:ENODEORPHANINSTANCE:node:n1.example:it runs web1,")

    def test_users_may_shut_down(self) -> None:
        self.config = changed(self.config, self.config.cluster, enabled_user_shutdown=True)
        self.node(
            "n2.example", guests=(self.guest("web1.example", "shutdown"),), files=files_of(self.config, candidate=False)
        )
        self.finds(good=True)

    def test_disks(self) -> None:
        self.node("n2.example", disks={DISK1: None})
        self.finds("ERROR:EINSTANCEMISSINGDISK:instance:web1.example:disk/0 (file) is missing on n2.example")
        self.node("n2.example", disks={DISK1: "not allowed"})
        self.finds("ERROR:EINSTANCEFAULTYDISK:instance:web1.example:disk/0 (file) on n2.example: not allowed")

    def test_what_the_configuration_says(self) -> None:
        web1 = self.config.instances[WEB1]
        config = changed(self.config, self.config.cluster, tags=("htools:iextags:db",))
        self.config = config.apply(
            [
                row(evolve(web1, tags=("db:1",), beparams={"maxmem": 10**6})),
                row(new_instance("web2", uuid=uuid(300), now=NOW, primary_node=N2, hypervisor="fake", tags=("db:1",))),
            ]
        )
        self.finds(
            "ERROR:EINSTANCEPOLICY:instance:web1.example",
            "ERROR:EINSTANCEPOLICY:instance:web2:nic-count",
            "ERROR:EEXTAGS:node:n2.example",
        )

    def test_notes(self) -> None:
        config = changed(self.config, self.config.nodes[N2], drained=True)
        self.config = changed(config, config.instances[WEB1], admin_state="offline", beparams={"auto_balance": False})
        _, said = self.run_group()
        self.assertEqual(
            [line.removeprefix("  - NOTICE: ") for line in said],
            [
                "1 non-redundant instance(s) found.",
                "1 non-auto-balanced instance(s) found.",
                "1 offline instance(s) found.",
                "1 drained node(s) found.",
            ],
        )


class MirroredTests(VerifyTestCase):
    """web1 with its disk mirrored on n1, or on n3 of another group."""

    def mirrored(self, other: str) -> None:
        old = self.config.disks[DISK1]
        disk = new_disk(
            "drbd",
            uuid=DISK1,
            now=NOW,
            index=0,
            size=512,
            logical_id=(N2, other, 11000, 0, 0, "s"),
            nodes=(N2, other),
        )
        config = changed(self.config, old, **{k: getattr(disk, k) for k in ("dev_type", "logical_id", "nodes")})
        policy = {**config.cluster.ipolicy, "disk-templates": ["drbd", "file"]}
        self.config = changed(config, config.cluster, ipolicy=policy)

    def test_memory_for_failover(self) -> None:
        self.mirrored(N1)
        self.node("n1.example", memory_free=100)
        self.finds("ERROR:ENODEN1:node:n1.example:it has 100 MiB free, if n2.example fails its instances need 128")
        self.finds(good=True, skip_checks=["nplusone_mem"])

    def test_instances_over_two_groups(self) -> None:
        self.mirrored(N3)
        self.node("n3.example", disks={DISK1: None})
        self.finds("EINSTANCESPLITGROUPS:instance:web1.example", "EINSTANCEMISSINGDISK:instance:web1.example")
        locks = operation("OP_CLUSTER_VERIFY_GROUP", group_name="default").locks(self.config)
        self.assertEqual(
            locks,
            {
                f"nodegroup/{self.config.group('default').uuid}": 0,
                "instance/web1.example": 0,
                **{f"node/{n}": 0 for n in (N1, N2, N3)},
            },
        )


class ReportTests(VerifyTestCase):
    def test_codes_are_ganetis_and_one_of_ours(self) -> None:
        constants = json.loads((Path(__file__).parents[2] / "data" / "reference" / "constants.json").read_text())
        theirs = {c["code"]: c["object_type"] for c in constants["derived"]["verify_error_codes"]}
        self.assertEqual(GANETI, theirs)
        self.assertEqual(CODES.keys() - theirs.keys(), {LEDGER})

    def test_lines_for_people(self) -> None:
        self.node("n2.example", setup=("one\n two",))
        self.finds("ERROR: node n2.example: one; two", error_codes=False)

    def test_ignored_codes_are_warnings(self) -> None:
        self.node("n2.example", guests=())
        self.finds("WARNING:EINSTANCEDOWN", good=True, ignore_errors=["EINSTANCEDOWN", "ENODELEDGER"])

    def test_unknown_codes_are_refused(self) -> None:
        for op_id, more in (
            ("OP_CLUSTER_VERIFY", {}),
            ("OP_CLUSTER_VERIFY_CONFIG", {}),
            ("OP_CLUSTER_VERIFY_GROUP", {"group_name": "default"}),
        ):
            error = self.assertRaises(BadRequest, operation, op_id, ignore_errors=["ENONSENSE"], **more)
            self.assertIn("ENONSENSE", error.text)

    def test_simulated_errors(self) -> None:
        good, said = self.run_group(debug_simulate_errors=True, skip_checks=["nplusone_mem"])
        self.assertFalse(good)
        self.assertIn("  - ERROR:ENODERPC:node:simulated:simulated error", said)
        self.assertNotIn("ENODEN1", str(said))

    def test_an_empty_group(self) -> None:
        self.config = changed(self.config, self.config.nodes[N3], group=self.config.group("default").uuid)
        self.assertEqual(self.run_group(GROUP2), (True, []))
        self.assertEqual(self.hands.asked, [])


class ConfigTests(VerifyTestCase):
    def run_config(self, **parameters: Any) -> tuple[bool, list[str]]:
        hands = FakeHands(self.config)
        good = self.successResultOf(ran(operation("OP_CLUSTER_VERIFY_CONFIG", **parameters), hands))
        return good, [line for line in hands.said if not line.startswith("* ")]

    def test_sound(self) -> None:
        self.assertEqual(self.run_config(), (True, []))

    def test_faults(self) -> None:
        config = changed(self.config, self.config.cluster, enabled_hypervisors=())
        self.config = changed(config, config.nodes[N3], group=uuid(999))
        good, said = self.run_config(error_codes=True)
        self.assertFalse(good)
        self.assertEqual(said[0], "  - ERROR:ECLUSTERCFG:cluster:cluster.example:no hypervisor is enabled")
        self.assertTrue(said[-1].startswith("  - ERROR:ECLUSTERDANGLINGNODES:node:n3.example:"))

    def test_hypervisor_parameters(self) -> None:
        config = changed(self.config, self.config.cluster, os_hvp={"noop": {"kvm": {"odd": 1}}})
        self.config = changed(config, config.instances[WEB1], hypervisor="kvm", hvparams={"vnc_tls": "maybe"})
        _, said = self.run_config()
        self.assertIn("hypervisor kvm parameters of OS noop: there is no parameter odd", said[0])
        self.assertIn("hypervisor kvm parameters of instance web1.example: vnc_tls must be", said[1])

    def test_simulated_errors(self) -> None:
        self.assertFalse(self.run_config(debug_simulate_errors=True)[0])

    def test_it_holds_everything_shared(self) -> None:
        locks = operation("OP_CLUSTER_VERIFY_CONFIG").locks(self.config)
        self.assertIn("instance/[lockset]", locks)
        self.assertEqual(set(locks.values()), {0})


class JobsTests(VerifyTestCase):
    def jobs(self, op_id: str, **parameters: Any) -> list[Any]:
        result = self.successResultOf(ran(operation(op_id, **parameters), FakeHands(self.config)))
        return [op for job in result["jobs"] for op in job]

    def test_one_for_the_configuration_and_one_for_each_group(self) -> None:
        ops = self.jobs("OP_CLUSTER_VERIFY", error_codes=True, skip_checks=["nplusone_mem"])
        default = self.config.group("default").uuid
        self.assertEqual([op.get("group_name") for op in ops], [None, default, GROUP2])
        for op in ops:
            made = operation(**{("op_id" if k == "OP_ID" else k): v for k, v in op.items() if k != "depends"})
            self.assertTrue(made.error_codes)

    def test_a_single_group(self) -> None:
        self.assertEqual([op["group_name"] for op in self.jobs("OP_CLUSTER_VERIFY", group_name="other")], [GROUP2])
        op = operation("OP_CLUSTER_VERIFY", group_name="nosuch")
        self.assertRaises(NotFound, op.check, self.config)

    def test_disks(self) -> None:
        self.assertEqual(len(self.jobs("OP_CLUSTER_VERIFY_DISKS")), 2)
        (one,) = self.jobs("OP_CLUSTER_VERIFY_DISKS", group_name="other")
        self.assertEqual(one, {"OP_ID": "OP_GROUP_VERIFY_DISKS", "group_name": GROUP2})
        op = operation("OP_GROUP_VERIFY_DISKS", group_name="default")
        self.assertEqual(self.successResultOf(ran(op, FakeHands(self.config))), [{}, [], {}])
        self.assertIn("instance/web1.example", op.locks(self.config))
