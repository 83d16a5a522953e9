from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.errors import BadRequest
from ganeti_tw.model import defaults
from ganeti_tw.model.declared import size_mib
from ganeti_tw.model.parameters import (
    beparams,
    disk_state,
    diskparams,
    hv_state,
    hvparams,
    ndparams,
    nicparams,
    osparams,
)
from model_samples import reference


class Says(SynchronousTestCase):
    def says(self, needle: str, function: Any, *args: Any, **kw: Any) -> None:
        self.assertIn(needle, str(self.assertRaises(BadRequest, function, *args, **kw)))


class SizeTests(Says):
    def test_sizes_have_suffixes(self) -> None:
        texts = ["12", "1g", "1.5G", "1 TiB", "8mb", " .5g "]
        self.assertEqual([size_mib(t) for t in texts], [12, 1024, 1536, 1048576, 8, 512])

    def test_sizes_are_rounded_up_to_multiples_of_4(self) -> None:
        self.assertEqual([size_mib(v) for v in ("1", "4.1", 5, 8)], [4, 8, 8, 8])

    def test_what_is_no_size_is_refused(self) -> None:
        for value in ("", "g", "1x", "-4", -4, True, None, "1e3", float("nan"), "1" * 50):
            self.assertRaises(BadRequest, size_mib, value)


class ConversionTests(Says):
    def test_booleans_come_from_words(self) -> None:
        given = {"acpi": "No", "vnc_tls": "yes", "use_localtime": "TRUE", "serial_console": False}
        self.assertEqual(
            hvparams("kvm", {}, given),
            {"acpi": False, "vnc_tls": True, "use_localtime": True, "serial_console": False},
        )

    def test_whole_numbers_come_from_text(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"cpu_cores": "4"}), {"cpu_cores": 4})

    def test_floats_come_from_text(self) -> None:
        self.assertEqual(ndparams({}, {"cpu_speed": "1.5"}), {"cpu_speed": 1.5})

    def test_false_is_empty_text(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"kernel_path": False}), {"kernel_path": ""})

    def test_text_is_no_number(self) -> None:
        self.says("cpu_cores must be a whole number, not 'many'", hvparams, "kvm", {}, {"cpu_cores": "many"})

    def test_a_number_is_no_text(self) -> None:
        self.says("kernel_args must be text", hvparams, "kvm", {}, {"kernel_args": 1})

    def test_a_word_is_no_boolean(self) -> None:
        self.says("acpi must be true or false", hvparams, "kvm", {}, {"acpi": "maybe"})


class HypervisorTests(Says):
    def test_unknown_parameters_are_named(self) -> None:
        self.says("'no_such'", hvparams, "kvm", {}, {"no_such": 1})

    def test_unknown_hypervisors_are_named(self) -> None:
        self.says("'vmware'", hvparams, "vmware", {}, {})

    def test_cluster_parameters_are_refused_on_instances(self) -> None:
        self.says("migration_port", hvparams, "kvm", {}, {"migration_port": 1})

    def test_cluster_parameters_are_accepted_for_the_cluster(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"migration_port": "99"}, "cluster"), {"migration_port": 99})

    def test_values_outside_the_list_are_refused_with_the_list(self) -> None:
        self.says(
            "must be one of exit, reboot",
            hvparams,
            "kvm",
            {},
            {"reboot_behavior": "x"},
        )

    def test_required_values_may_not_be_empty(self) -> None:
        self.says("kvm_path may not be empty", hvparams, "kvm", {}, {"kvm_path": ""})

    def test_optional_lists_of_values_may_be_empty(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"usb_mouse": ""}), {"usb_mouse": ""})

    def test_paths_are_absolute(self) -> None:
        self.says("kernel_path must be an absolute path", hvparams, "kvm", {}, {"kernel_path": "boot/../x"})

    def test_a_cdrom_may_be_a_url(self) -> None:
        given = {"cdrom_image_path": "https://example.com/x.iso"}
        self.assertEqual(hvparams("kvm", {}, given), given)

    def test_queues_are_few(self) -> None:
        self.says("from 1 to 8", hvparams, "kvm", {}, {"virtio_net_queues": 9})

    def test_cpu_masks_have_ranges_and_exclusions(self) -> None:
        for mask in ("all", "0", "0-3,^2:4,5:all"):
            self.assertEqual(hvparams("kvm", {}, {"cpu_mask": mask}), {"cpu_mask": mask})

    def test_bad_cpu_masks_are_refused(self) -> None:
        for mask in ("a", "3-1", "1,", ":"):
            self.says("cpu_mask", hvparams, "kvm", {}, {"cpu_mask": mask})

    def test_blanks_in_usb_devices_become_commas(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"usb_devices": "a b"}), {"usb_devices": "a,b"})

    def test_boot_order_of_xen_is_letters(self) -> None:
        self.says("boot_order", hvparams, "xen-hvm", {}, {"boot_order": "xyz"})


class UpdateTests(Says):
    def test_other_values_are_kept(self) -> None:
        self.assertEqual(hvparams("kvm", {"acpi": True}, {"vga": "std"}), {"acpi": True, "vga": "std"})

    def test_default_and_null_remove(self) -> None:
        own = {"acpi": True, "vga": "std", "keymap": "de"}
        self.assertEqual(hvparams("kvm", own, {"acpi": "Default", "vga": None}), {"keymap": "de"})

    def test_removing_what_is_not_there_is_fine(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"acpi": "default"}), {})

    def test_the_cluster_cannot_lose_a_value(self) -> None:
        self.says("acpi must be true or false", hvparams, "kvm", {"acpi": True}, {"acpi": "default"}, "cluster")

    def test_the_cluster_may_use_default_where_it_is_a_value(self) -> None:
        self.assertEqual(hvparams("kvm", {}, {"disk_cache": "default"}, "cluster"), {"disk_cache": "default"})

    def test_the_given_mapping_is_not_changed(self) -> None:
        own, given = {"acpi": True}, {"acpi": "no"}
        hvparams("kvm", own, given)
        self.assertEqual((own, given), ({"acpi": True}, {"acpi": "no"}))


class BackendTests(Says):
    def test_memory_sets_minmem_and_maxmem(self) -> None:
        self.assertEqual(beparams({}, {"memory": "1G"}), {"minmem": 1024, "maxmem": 1024})

    def test_memory_excludes_minmem(self) -> None:
        self.says("either memory", beparams, {}, {"memory": 8, "minmem": 8})

    def test_minmem_may_not_exceed_maxmem(self) -> None:
        self.says("minmem 512 is more than maxmem 256", beparams, {}, {"minmem": 512, "maxmem": 256})

    def test_minmem_may_not_exceed_the_inherited_maxmem(self) -> None:
        self.says("maxmem 128", beparams, {}, {"minmem": 512})

    def test_memory_default_removes_both(self) -> None:
        self.assertEqual(beparams({"minmem": 8, "maxmem": 8, "vcpus": 2}, {"memory": "default"}), {"vcpus": 2})

    def test_an_instance_has_a_cpu(self) -> None:
        self.says("vcpus must be more than 0", beparams, {}, {"vcpus": 0})


class OtherTests(Says):
    def test_nic_modes_are_known(self) -> None:
        self.says("mode must be one of", nicparams, {}, {"mode": "magic"})

    def test_a_bridged_nic_has_a_bridge(self) -> None:
        self.says("link", nicparams, {}, {"mode": "bridged", "link": ""})

    def test_exclusive_storage_is_not_for_nodes(self) -> None:
        self.says("exclusive_storage", ndparams, {}, {"exclusive_storage": True})

    def test_exclusive_storage_is_for_groups(self) -> None:
        self.assertEqual(ndparams({}, {"exclusive_storage": "yes"}, "group"), {"exclusive_storage": True})

    def test_disk_parameters_go_by_template(self) -> None:
        own = {"plain": {"stripes": 2}}
        new = diskparams(own, {"drbd": {"protocol": "A"}, "plain": {"stripes": "default"}})
        self.assertEqual(new, {"drbd": {"protocol": "A"}})

    def test_unknown_templates_are_named(self) -> None:
        self.says("'floppy'", diskparams, {}, {"floppy": {}})

    def test_os_parameters_have_any_names(self) -> None:
        self.assertEqual(osparams({"a": "1", "b": "2"}, {"a": None, "c": "3"}), {"b": "2", "c": "3"})

    def test_what_is_no_mapping_is_refused(self) -> None:
        self.says("must be an object", ndparams, {}, ["ssh_port"])

    def test_the_built_in_defaults_are_not_changed(self) -> None:
        beparams(defaults.BEPARAMS, {"vcpus": 4})
        self.assertEqual(defaults.BEPARAMS["vcpus"], 1)


class StateTests(Says):
    def test_states_of_hypervisors(self) -> None:
        own = {"kvm": {"mem_hv": 1}, "fake": {"cpu_node": 2}}
        new = hv_state(own, {"kvm": {"mem_hv": "default"}, "fake": {"mem_total": "5"}})
        self.assertEqual(new, {"fake": {"cpu_node": 2, "mem_total": 5}})

    def test_states_of_storage_by_name(self) -> None:
        own = {"plain": {"a": {"disk_total": 1}}}
        self.assertEqual(disk_state(own, {"plain": {"a": {"disk_total": None}}}), {})
        new = disk_state(own, {"plain": {"b": {"disk_reserved": 3}}})
        self.assertEqual(new, {"plain": {"a": {"disk_total": 1}, "b": {"disk_reserved": 3}}})

    def test_what_is_wrong_is_named(self) -> None:
        self.says("'qemu'", hv_state, {}, {"qemu": {}})
        self.says("kvm state parameter 'x'", hv_state, {}, {"kvm": {"x": 1}})
        self.says("mem_hv must be 0 or more", hv_state, {}, {"kvm": {"mem_hv": -1}})
        self.says("must be an object", hv_state, {}, {"kvm": 1})
        self.says("'file'", disk_state, {}, {"file": {}})
        self.says("must be an object", disk_state, {}, {"plain": {"vg": 1}})
        self.says("storage vg 'x'", disk_state, {}, {"plain": {"vg": {"x": 1}}})

    def test_the_tables_are_ganetis(self) -> None:
        known = reference("parameters")["node_state_input"]
        for name, table in (("hv_state", defaults.HYPERVISOR_STATE), ("disk_state", defaults.DISK_STATE)):
            theirs = {p["name"]: (p["type"], p["default"]) for p in known[name]}
            self.assertEqual({p.name: (p.type.value, p.default) for p in table.values()}, theirs)
