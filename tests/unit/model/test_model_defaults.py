from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.model import defaults
from ganeti_tw.model.codec import to_json
from ganeti_tw.model.declared import Table
from ganeti_tw.model.disk_templates import TEMPLATES
from ganeti_tw.model.hvparams import HYPERVISORS, NEEDS_PORT
from ganeti_tw.model.verify import verify_config
from model_samples import new_config, reference, sample_data

PARAMETERS = reference("parameters")
CONSTANTS = reference("constants")

SAME_AS_SAMPLE = (
    "beparams",
    "candidate_pool_size",
    "data_collectors",
    "default_iallocator",
    "gluster_storage_dir",
    "highest_used_port",
    "hv_state_static",
    "mac_prefix",
    "max_running_jobs",
    "max_tracked_jobs",
    "ndparams",
    "ssh_key_bits",
    "ssh_key_type",
)


def facts(table: Table) -> dict[str, tuple[Any, ...]]:
    return {p.name: (p.type.value, p.default) for p in table.values()}


def wanted(entries: list[dict[str, Any]]) -> dict[str, tuple[Any, ...]]:
    return {e["name"]: (e["type"], e["default"]) for e in entries}


class TableTests(SynchronousTestCase):
    def test_hypervisors_are_the_known_ones(self) -> None:
        self.assertEqual(set(HYPERVISORS), set(PARAMETERS["hypervisor"]))

    def test_hypervisor_parameters_have_the_known_types_and_defaults(self) -> None:
        for hypervisor, entries in PARAMETERS["hypervisor"].items():
            self.assertEqual(facts(HYPERVISORS[hypervisor]), wanted(entries), hypervisor)

    def test_hypervisor_parameters_have_the_known_limits(self) -> None:
        for hypervisor, entries in PARAMETERS["hypervisor"].items():
            for e in entries:
                p = HYPERVISORS[hypervisor][e["name"]]
                known = (e["required"], e.get("cluster_only", False))
                self.assertEqual((p.required, p.cluster_only), known, f"{hypervisor} {p.name}")
                if "allowed" in e:
                    self.assertEqual(sorted(p.allowed), sorted(e["allowed"]), f"{hypervisor} {p.name}")

    def test_every_check_of_the_reference_has_one_here(self) -> None:
        for hypervisor, entries in PARAMETERS["hypervisor"].items():
            for e in entries:
                if e.get("check") not in (None, "no check"):
                    p = HYPERVISORS[hypervisor][e["name"]]
                    self.assertTrue(p.check or p.allowed, f"{hypervisor} {p.name}")

    def test_every_default_is_accepted(self) -> None:
        for table in (*HYPERVISORS.values(), *defaults.DISK.values(), defaults.BACKEND, defaults.NIC, defaults.NODE):
            for p in table.values():
                self.assertEqual(p.accept(p.default), p.default, p.name)

    def test_backend_parameters_are_the_known_ones(self) -> None:
        entries = [e for e in PARAMETERS["backend"] if e["name"] != "memory"]
        self.assertEqual(facts(defaults.BACKEND), wanted(entries))

    def test_nic_parameters_are_the_known_ones(self) -> None:
        self.assertEqual(facts(defaults.NIC), wanted(PARAMETERS["nic_defaults"]))

    def test_node_parameters_are_the_known_ones(self) -> None:
        self.assertEqual(facts(defaults.NODE), wanted(PARAMETERS["node"]))

    def test_disk_parameters_are_the_known_ones(self) -> None:
        for template, entries in PARAMETERS["disk_params_by_template"].items():
            self.assertEqual(facts(defaults.DISK[template]), wanted(entries), template)

    def test_the_instance_policy_is_the_known_one(self) -> None:
        self.assertEqual(defaults.IPOLICY, PARAMETERS["ipolicy"]["defaults"])

    def test_hypervisors_with_a_port_are_the_known_ones(self) -> None:
        self.assertEqual(list(NEEDS_PORT), CONSTANTS["hypervisors"]["HTS_REQ_PORT"])

    def test_disk_templates_can_what_is_known(self) -> None:
        for e in CONSTANTS["derived"]["disk_templates"]:
            t = TEMPLATES[e["name"]]
            known = {
                "storage_type": t.storage_type,
                "mirrored": bool(t.mirrored),
                "internally_mirrored": t.internally_mirrored,
                "externally_mirrored": t.externally_mirrored,
                "uses_lvm": t.uses_lvm,
                "file_based": t.file_based,
                "block_based": t.block_based,
                "growable": t.growable,
                "convertible_from": t.convertible_from,
                "convertible_to": t.convertible_to,
                "may_adopt": t.may_adopt,
                "must_adopt": t.must_adopt,
                "copyable": t.copyable,
                "snapshot_capable": t.snapshot_capable,
                "exclusive_storage_ok": t.exclusive_storage_ok,
                "has_access_param": t.has_access,
                "no_free_space_check": not t.checks_free_space,
                "path_depends_on_instance_name": t.path_has_instance_name,
            }
            self.assertEqual(known, {k: e[k] for k in known}, t.name)


class NewClusterTests(SynchronousTestCase):
    def test_it_is_consistent(self) -> None:
        self.assertEqual(verify_config(new_config()), [])

    def test_its_node_is_the_master(self) -> None:
        self.assertEqual(new_config().master.name, "n1.example")

    def test_its_hypervisor_parameters_are_those_of_the_sample(self) -> None:
        self.assertEqual(dict(new_config().cluster.hvparams), sample_data()["cluster"]["hvparams"])

    def test_its_disk_parameters_are_those_of_the_sample(self) -> None:
        self.assertEqual(dict(new_config().cluster.diskparams), sample_data()["cluster"]["diskparams"])

    def test_its_other_defaults_are_those_of_the_sample(self) -> None:
        cluster, sample = new_config().cluster, sample_data()["cluster"]
        for name in SAME_AS_SAMPLE:
            self.assertEqual(getattr(cluster, name), sample[name], name)

    def test_it_writes_the_keys_of_the_sample(self) -> None:
        written = to_json(new_config(enabled_disk_templates=("file",)).cluster)
        self.assertEqual(set(written), set(sample_data()["cluster"]))

    def test_its_policy_allows_the_enabled_templates(self) -> None:
        self.assertEqual(new_config(enabled_disk_templates=("file",)).cluster.ipolicy["disk-templates"], ["file"])

    def test_without_lvm_it_has_no_volume_group(self) -> None:
        self.assertIs(new_config(enabled_disk_templates=("file",)).cluster.volume_group_name, None)

    def test_with_lvm_drbd_metadata_goes_to_its_volume_group(self) -> None:
        cluster = new_config(volume_group_name="vg7").cluster
        self.assertEqual(cluster.diskparams["drbd"]["metavg"], "vg7")

    def test_unknown_templates_are_refused(self) -> None:
        self.assertRaises(BadRequest, new_config, enabled_disk_templates=("floppy",))
