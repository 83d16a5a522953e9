"""What a new cluster begins with."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.config.secrets import Secrets
from ganeti_tw.daemon.newcluster import beginning, parse
from ganeti_tw.errors import BadRequest
from ganeti_tw.model.config import Config
from ganeti_tw.model.verify import verify_config


def begin(**options: Any) -> Config:
    numbers = iter(range(1, 100))
    begun = beginning(
        parse({"cluster_name": "cluster.example", **options}),
        node_name="n1.example",
        node_ip="192.0.2.1",
        master_ip="192.0.2.10",
        now=1000.0,
        new_uuid=lambda: f"00000000-0000-4000-8000-{next(numbers):012x}",
    )
    return Config.from_rows({(p.kind, p.key): p.value for p in begun.rows()})


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"cluster_name": "a b"}, "a b"),
    ({"cluster_name": 3}, "cluster_name"),
    ({"enabled_hypervisors": []}, "at least one hypervisor"),
    ({"enabled_hypervisors": ["vmware"]}, "vmware"),
    ({"enabled_hypervisors": "kvm"}, "enabled_hypervisors"),
    ({"enabled_disk_templates": []}, "at least one disk template"),
    ({"enabled_disk_templates": ["floppy"]}, "floppy"),
    ({"hvparams": {"vmware": {}}}, "vmware"),
    ({"hvparams": {"kvm": {"nonsense": 1}}}, "nonsense"),
    ({"hvparams": {"kvm": {"acpi": "perhaps"}}}, "acpi"),
    ({"hvparams": {"kvm": 3}}, "hvparams"),
    ({"beparams": {"nonsense": 1}}, "nonsense"),
    ({"beparams": {"vcpus": 0}}, "vcpus"),
    ({"beparams": {"minmem": 1024, "maxmem": 512}}, "minmem"),
    ({"beparams": {"vcpus": None}}, "vcpus"),
    ({"nicparams": {"mode": "flying"}}, "mode"),
    ({"nicparams": {"mode": "bridged", "link": ""}}, "link"),
    ({"ndparams": {"spindle_count": "x"}}, "spindle_count"),
    ({"diskparams": {"floppy": {}}}, "floppy"),
    ({"diskparams": {"drbd": {"nonsense": 1}}}, "nonsense"),
    ({"candidate_pool_size": 0}, "candidate pool size 0"),
    ({"candidate_pool_size": "many"}, "candidate_pool_size"),
    ({"mac_prefix": "aa:bb"}, "aa:bb"),
    ({"mac_prefix": "zz:00:00"}, "zz:00:00"),
    ({"master_netmask": -1}, "netmask"),
    ({"master_netmask": 33}, "netmask"),
    ({"secondary_ip": "192.0.2.10"}, "the cluster itself"),
    ({"secondary_ip": "2001:db8::1"}, "no IPv4 address"),
    ({"secondary_ip": "host"}, "'host'"),
    ({"primary_ip_version": 5}, "4 and 6"),
    ({"primary_ip_version": 6}, "the address of cluster"),
    ({"primary_ip_version": "6"}, "primary_ip_version"),
    ({"ssh_key_type": "ed25519"}, "ssh_key_type"),
    ({"ssh_key_type": "dsa", "ssh_key_bits": 2048}, "dsa have 1024"),
    ({"ssh_key_type": "ecdsa", "ssh_key_bits": 2048}, "256, 384, 521"),
    ({"ssh_key_bits": 512}, "at least 768"),
    ({"compression_tools": ["a b"]}, "'a b'"),
    ({"default_iallocator": "/bin/hail"}, "/bin/hail"),
    ({"default_iallocator_params": 3}, "default_iallocator_params"),
    ({"disk_state": {"tape": {}}}, "tape"),
    ({"hv_state": {"kvm": {"nonsense": 1}}}, "nonsense"),
    ({"drbd_helper": "true"}, "drbd_helper"),
    ({"enabled_disk_templates": ["drbd"], "drbd_helper": ""}, "drbd_helper"),
    ({"enabled_disk_templates": ["plain"], "vg_name": ""}, "vg_name"),
    ({"install_image": "image"}, "install_image"),
    ({"zeroing_image": "image"}, "zeroing_image"),
    ({"uid_pool": [[5, 4]]}, "5-4"),
    ({"use_external_mip_script": "no"}, "use_external_mip_script"),
    ({"file_storage_dir": "srv"}, "'srv'"),
    ({"file_storage_dir": "/srv/../etc"}, "/srv/../etc"),
    ({"shared_file_storage_dir": "srv"}, "'srv'"),
    ({"gluster_storage_dir": ""}, "''"),
    ({"modify_etc_hosts": "no"}, "modify_etc_hosts"),
    ({"colour": "red"}, "colour"),
)


class OptionTests(SynchronousTestCase):
    def test_every_bad_option_is_refused_by_name(self) -> None:
        wrong = []
        for options, word in BAD:
            try:
                begin(**options)
                wrong.append((options, "taken"))
            except BadRequest as e:
                if word not in e.text:
                    wrong.append((options, e.text))
        self.assertEqual(wrong, [])

    def test_the_name_is_needed(self) -> None:
        self.assertIn("cluster_name", self.assertRaises(BadRequest, parse, {}).text)

    def test_defaults_are_sound(self) -> None:
        config = begin()
        self.assertEqual(list(verify_config(config)), [])
        c = config.cluster
        self.assertEqual((c.cluster_name, c.master_ip, c.master_netmask), ("cluster.example", "192.0.2.10", 32))
        self.assertEqual((c.enabled_hypervisors, c.enabled_disk_templates), (("kvm",), ("file", "diskless")))
        self.assertEqual((c.candidate_pool_size, c.mac_prefix), (10, "aa:00:00"))
        self.assertEqual([n.name for n in config.candidates], ["n1.example"])

    def test_what_is_given_is_taken(self) -> None:
        config = begin(
            cluster_name="Cluster.Example.",
            enabled_hypervisors=["fake", "kvm", "fake"],
            hvparams={"kvm": {"acpi": "no"}},
            beparams={"memory": "1g"},
            nicparams={"link": "br1"},
            file_storage_dir="/files",
            candidate_pool_size=3,
            master_netmask=24,
        )
        c = config.cluster
        self.assertEqual((c.cluster_name, c.enabled_hypervisors), ("cluster.example", ("fake", "kvm")))
        self.assertIs(c.hvparams["kvm"]["acpi"], False)
        self.assertEqual((c.beparams["default"]["minmem"], c.nicparams["default"]["link"]), (1024, "br1"))
        self.assertEqual((c.file_storage_dir, c.candidate_pool_size, c.master_netmask), ("/files", 3, 24))
        self.assertEqual(c.master_netdev, "br1")

    def test_settings_of_which_modify_knows_the_rules(self) -> None:
        given: dict[str, Any] = {
            "compression_tools": ["gzip", "zstd"],
            "default_iallocator": "hail",
            "default_iallocator_params": {"ignore-soft-errors": True},
            "disk_state": {"plain": {"xenvg": {"disk_total": 10}}},
            "hv_state": {"kvm": {"mem_node": 512}},
            "install_image": "/images/install",
            "zeroing_image": "https://example.com/zero",
            "ssh_key_type": "ecdsa",
            "use_external_mip_script": True,
        }
        c = begin(**given, uid_pool=[[5, 9], [11, 11]], vg_name="vg", drbd_helper="/bin/false").cluster
        found = {name: getattr(c, name) for name in given if hasattr(c, name)}
        wanted = {**given, "compression_tools": ("gzip", "zstd")}
        self.assertEqual(found, {name: wanted[name] for name in found})
        self.assertEqual(c.hv_state_static["kvm"]["mem_node"], 512)
        self.assertEqual(c.disk_state_static, given["disk_state"])
        self.assertEqual((c.uid_pool, c.ssh_key_bits), (([5, 9], [11, 11]), 256))
        self.assertEqual((c.volume_group_name, c.drbd_usermode_helper), ("vg", "/bin/false"))
        self.assertEqual(c.diskparams["drbd"]["metavg"], "vg")

    def test_lvm_and_drbd_have_defaults_where_they_are_enabled(self) -> None:
        c = begin(enabled_disk_templates=["drbd", "plain"]).cluster
        self.assertEqual((c.volume_group_name, c.drbd_usermode_helper), ("xenvg", "/bin/true"))
        c = begin().cluster
        self.assertEqual((c.volume_group_name, c.drbd_usermode_helper), (None, None))

    def test_a_network_for_replication(self) -> None:
        master = begin(secondary_ip="198.51.100.1").master
        self.assertEqual((master.primary_ip, master.secondary_ip), ("192.0.2.1", "198.51.100.1"))

    def test_ipv6(self) -> None:
        new = parse({"cluster_name": "c", "primary_ip_version": 6, "secondary_ip": "198.51.100.1"})
        made = {"node_name": "n1", "now": 1.0, "new_uuid": lambda: "u"}
        cluster = beginning(new, node_ip="2001:db8::1", master_ip="2001:db8::2", **made).cluster
        self.assertEqual((cluster.primary_ip_family, cluster.master_netmask), (10, 128))
        mixed = self.assertRaises(BadRequest, beginning, new, node_ip="192.0.2.1", master_ip="2001:db8::2", **made)
        self.assertIn("this host is 192.0.2.1", mixed.text)
        alone = parse({"cluster_name": "c", "primary_ip_version": 6})
        lacks = self.assertRaises(BadRequest, beginning, alone, node_ip="2001:db8::1", master_ip="2001:db8::2", **made)
        self.assertIn("secondary IP", lacks.text)

    def test_secrets_are_rows_of_their_own_kind(self) -> None:
        rows = [(p.kind, p.key) for p in Secrets("CA", "key").puts()]
        self.assertEqual(rows, [("secret", "ca"), ("secret", "hmac"), ("secret", "issued")])
