"""OS definitions and the environment of their scripts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from agent_samples import HostTestCase, RecordingSpawner, disk, nic, spec
from ganeti_tw.agent.osdef.definition import OsDefinition, OsDefinitions, parse_parameters, parse_variants
from ganeti_tw.agent.osdef.environment import core_environment, script_environment
from ganeti_tw.agent.osdef.scripts import OsScripts
from ganeti_tw.agent.processes import ProcessEnd
from ganeti_tw.errors import BadRequest, NotFound, WrongState
from ganeti_tw.protocol.instance import NetworkSpec

NOOP = OsDefinition("noop", "/srv/ganeti/os/noop", 20, ("default", "other"))

# What Ganeti 3.0.2 gave the create script at a reinstall of such an instance.
CREATE = {
    "DEBUG_LEVEL": "0",
    "DISK_0_ACCESS": "rw",
    "DISK_0_BACKEND_TYPE": "file:loop",
    "DISK_0_NAME": "d0",
    "DISK_0_PATH": "/srv/ganeti/file-storage/inst1.ref.example/0253a91f-c48f-45c7-9033-f200ab707931.file.disk0",
    "DISK_0_SIZE": "24",
    "DISK_0_UUID": "f1a626a9-c564-4f41-bdd2-baeb9f4e0a30",
    "DISK_COUNT": "1",
    "HYPERVISOR": "fake",
    "INSTANCE_BE_always_failover": "False",
    "INSTANCE_BE_auto_balance": "True",
    "INSTANCE_BE_maxmem": "16",
    "INSTANCE_BE_minmem": "8",
    "INSTANCE_BE_spindle_use": "1",
    "INSTANCE_BE_vcpus": "1",
    "INSTANCE_CTIME": "1795219136.904871",
    "INSTANCE_HV_migration_mode": "live",
    "INSTANCE_MTIME": "1795219147.269919",
    "INSTANCE_NAME": "inst1.ref.example",
    "INSTANCE_OS": "noop+default",
    "INSTANCE_PRIMARY_NODE": "11ee9a30-eb12-4888-b565-1030518ef0d1",
    "INSTANCE_REINSTALL": "1",
    "INSTANCE_SECONDARY_NODES": "",
    "INSTANCE_UUID": "ea4bfa79-e083-4f7e-ade4-c9a37db66e68",
    "NIC_0_IP": "192.0.2.2",
    "NIC_0_LINK": "main",
    "NIC_0_MAC": "aa:00:55:f7:7b:b5",
    "NIC_0_MODE": "routed",
    "NIC_0_NAME": "n0",
    "NIC_0_NETWORK_GATEWAY": "192.0.2.1",
    "NIC_0_NETWORK_MAC_PREFIX": "aa:00:55",
    "NIC_0_NETWORK_NAME": "net1",
    "NIC_0_NETWORK_SUBNET": "192.0.2.0/28",
    "NIC_0_NETWORK_TAGS": "ntag",
    "NIC_0_NETWORK_UUID": "fcaff84f-ea03-465f-af55-114841192e56",
    "NIC_0_UUID": "a18b3261-e726-47fd-bd7e-e932dc8fb800",
    "NIC_COUNT": "1",
    "OSP_FOO": "1",
    "OS_API_VERSION": "20",
    "OS_NAME": "noop",
    "OS_VARIANT": "default",
    "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
    "PWD": "/srv/ganeti/os/noop",
}

NETWORK = NetworkSpec(
    "net1", CREATE["NIC_0_NETWORK_UUID"], "192.0.2.0/28", "192.0.2.1", mac_prefix="aa:00:55", tags=("ntag",)
)
INSTANCE = spec(
    "inst1.ref.example",
    hvparams={"migration_mode": "live"},
    beparams={
        "always_failover": False,
        "auto_balance": True,
        "maxmem": 16,
        "minmem": 8,
        "spindle_use": 1,
        "vcpus": 1,
    },
    disks=(evolve(disk(CREATE["DISK_0_PATH"], 24), name="d0"),),
    nics=(nic(mac="aa:00:55:f7:7b:b5", mode="routed", link="main", ip="192.0.2.2", name="n0", network=NETWORK),),
    osparams={"foo": 1},
    ctime=1795219136.904871,
    mtime=1795219147.269919,
)


class EnvironmentTests(SynchronousTestCase):
    maxDiff = None

    def test_create_gets_what_ganeti_gives_it(self) -> None:
        found = script_environment(NOOP, INSTANCE, {0: CREATE["DISK_0_PATH"]}, reinstall=True)
        self.assertEqual(found, CREATE)

    def test_verify_gets_the_os_alone(self) -> None:
        self.assertEqual(
            core_environment(NOOP, "noop+other", {}),
            {
                "DEBUG_LEVEL": "0",
                "OS_API_VERSION": "20",
                "OS_NAME": "noop",
                "OS_VARIANT": "other",
                "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
                "PWD": "/srv/ganeti/os/noop",
            },
        )

    def test_frontends_and_bridges_are_there_where_they_apply(self) -> None:
        changed = evolve(
            INSTANCE,
            hvparams={"disk_type": "ide", "nic_type": "e1000"},
            disks=(disk("/dev/xenvg/a", dev_type="plain"),),
            nics=(nic(),),
        )
        found = script_environment(NOOP, changed, {})
        self.assertEqual((found["DISK_0_FRONTEND_TYPE"], found["NIC_0_FRONTEND_TYPE"]), ("ide", "e1000"))
        self.assertEqual((found["DISK_0_BACKEND_TYPE"], found["NIC_0_BRIDGE"]), ("block", "br0"))
        self.assertNotIn("DISK_0_PATH", found)
        self.assertNotIn("INSTANCE_REINSTALL", found)

    def test_dashes_in_parameters_become_underscores(self) -> None:
        self.assertEqual(core_environment(NOOP, "noop", {"no-swap": "yes"})["OSP_NO_SWAP"], "yes")


class ListTests(SynchronousTestCase):
    def test_variants_without_comments(self) -> None:
        self.assertEqual(parse_variants("# two\ndefault\n\n other \n"), ("default", "other"))

    def test_parameters_with_descriptions(self) -> None:
        self.assertEqual(parse_parameters("Size of swap\nmirror\n"), (("size", "of swap"), ("mirror", "")))

    def test_the_variant_is_the_one_named_or_the_first_or_none(self) -> None:
        self.assertEqual([NOOP.variant_of(name) for name in ("noop+other", "noop")], ["other", "default"])
        self.assertEqual(evolve(NOOP, variants=()).variant_of("noop"), "")


class DefinitionTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = os.path.join(self.directory, "first/tiny")
        os.makedirs(self.path)
        for name in ("create", "import", "export", "rename", "verify"):
            self.write(name, "#!/bin/sh\n", 0o755)
        self.write("ganeti_api_version", "20\n15\n")
        self.write("parameters.list", "cache Directory\n")
        self.write("variants.list", "default\n")
        paths = [os.path.join(self.directory, d) for d in ("none", "first", "second")]
        self.definitions = OsDefinitions(paths, self.blocking)

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        with open(os.path.join(self.path, name), "w") as f:
            f.write(text)
        os.chmod(f.name, mode)

    def problem(self) -> str:
        (found,) = self.result(self.definitions.list())
        if found.valid:
            self.assertEqual(found.problem, "")
        else:
            self.assertIn(found.problem, str(self.failure(self.definitions.get("tiny"), WrongState)))
        return found.problem

    def test_a_good_one(self) -> None:
        (found,) = self.result(self.definitions.list())
        self.assertEqual(
            (found.name, found.valid, found.variants, found.parameters, found.api_versions, found.trusted),
            ("tiny", True, ("default",), (("cache", "Directory"),), (15, 20), True),
        )
        self.assertEqual(self.result(self.definitions.get("tiny+x")).api, 20)

    def test_what_is_missing_is_named(self) -> None:
        for name in ("parameters.list", "verify", "rename", "ganeti_api_version"):
            os.unlink(os.path.join(self.path, name))
            self.assertEqual(self.problem(), f"{name} is missing")

    def test_older_definitions_need_less(self) -> None:
        self.write("ganeti_api_version", "15\n")
        for name in ("verify", "parameters.list", "variants.list"):
            os.unlink(os.path.join(self.path, name))
        self.assertEqual(self.problem(), "")

    def test_scripts_must_be_executable_files(self) -> None:
        os.chmod(os.path.join(self.path, "import"), 0o644)
        self.assertEqual(self.problem(), "import is not executable")
        os.unlink(os.path.join(self.path, "import"))
        os.mkdir(os.path.join(self.path, "import"))
        self.assertEqual(self.problem(), "import is not a regular file")

    def test_versions_must_be_numbers_and_known(self) -> None:
        self.write("ganeti_api_version", "twenty\n")
        self.assertIn("no number", self.problem())
        self.write("ganeti_api_version", "5\n")
        self.assertIn("[5]", self.problem())

    def test_untrusted_ones_are_valid_and_marked(self) -> None:
        os.rename(os.path.join(self.path, "create"), os.path.join(self.path, "create_untrusted"))
        (found,) = self.result(self.definitions.list())
        self.assertEqual((found.valid, found.trusted), (True, False))

    def test_the_first_on_the_search_path_wins(self) -> None:
        os.makedirs(os.path.join(self.directory, "second/tiny"))
        os.makedirs(os.path.join(self.directory, "second/other"))
        found = self.result(self.definitions.list())
        self.assertEqual([(o.name, o.valid) for o in found], [("other", False), ("tiny", True)])

    def test_names_that_are_none_are_refused(self) -> None:
        for name in ("", "../first/tiny", "missing", ".hidden"):
            self.failure(self.definitions.get(name), NotFound)

    def test_ours_is_valid(self) -> None:
        tree = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../.."))
        found = self.result(OsDefinitions([os.path.join(tree, "etc/os")], self.blocking).list())
        self.assertEqual([(o.name, o.problem) for o in found], [("tiny", "")])


class VerifyTests(HostTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.spawner = RecordingSpawner()
        logs = os.path.join(self.directory, "log")
        self.logs = logs

    def scripts(self, api: int) -> OsScripts:
        definition = evolve(NOOP, api=api)

        class One:
            async def get(self, os_name: str) -> OsDefinition:
                return definition

        definitions: Any = One()
        return OsScripts(definitions, self.spawner, self.logs, lambda: 1000.0)

    def test_it_gets_the_parameters_alone(self) -> None:
        self.result(self.scripts(20).verify("noop+other", {"color": "red"}))
        (call,) = self.spawner.calls
        self.assertEqual(call["argv"], ["/srv/ganeti/os/noop/verify", "parameters"])
        self.assertEqual((call["env"]["OSP_COLOR"], call["env"]["OS_VARIANT"]), ("red", "other"))
        self.assertFalse([name for name in call["env"] if name.startswith("INSTANCE")])

    def test_what_it_says_against_them(self) -> None:
        self.spawner.end = ProcessEnd(1, None, ("red hurts the eye",))
        error = self.failure(self.scripts(20).verify("noop", {"color": "red"}), BadRequest)
        self.assertIn("exit status 1: red hurts the eye", error.text)

    def test_what_it_says_is_kept_nowhere(self) -> None:
        def says(argv: Any, *, output: str, **options: Any) -> Any:
            Path(output).write_text("the secret is 42")
            return RecordingSpawner.run(self.spawner, argv, output=output, **options)

        self.spawner.run = says  # type: ignore[method-assign]
        self.result(self.scripts(20).verify("noop", {}))
        self.assertEqual(os.listdir(self.logs), [])

    def test_old_definitions_cannot(self) -> None:
        self.result(self.scripts(15).verify("noop", {"color": "red"}))
        self.assertEqual(self.spawner.calls, [])
