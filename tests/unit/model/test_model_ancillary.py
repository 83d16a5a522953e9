"""Which files go with which cluster."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.ancillary import ancillary_files, files_of, mode_of
from ganeti_tw.model.cluster import Cluster
from model_samples import NODE, reference, sample_config

KVM = {"/etc/ganeti/vnc-cluster-password", "/etc/ganeti/kvm-vif-bridge"}


class AncillaryTests(SynchronousTestCase):
    def cluster(self, **settings: object) -> Cluster:
        return evolve(sample_config().cluster, **settings)

    def paths(self, **settings: object) -> set[str]:
        return {f.path for f in ancillary_files(self.cluster(**settings))}

    def test_the_places_are_ganetis(self) -> None:
        known = {v for v in reference("constants")["derived"]["paths"].values() if isinstance(v, str)}
        paths = self.paths(enabled_hypervisors=("kvm",), use_external_mip_script=True)
        self.assertEqual(paths - known, {"/etc/ganeti/kvm-vif-bridge"} - known)

    def test_files_of_hypervisors_go_where_guests_of_theirs_may_be(self) -> None:
        fake, kvm = self.cluster(enabled_hypervisors=("fake",)), self.cluster(enabled_hypervisors=("fake", "kvm"))
        self.assertEqual({f.path for f in set(ancillary_files(kvm)) - set(ancillary_files(fake))}, KVM)
        node = sample_config().node(NODE)
        without = files_of(ancillary_files(kvm), evolve(node, vm_capable=False))
        self.assertEqual(without, ancillary_files(fake))
        self.assertEqual(files_of(ancillary_files(kvm), node), ancillary_files(kvm))

    def test_passwords_that_parameters_name(self) -> None:
        given = {"vnc_password_file": "/etc/ganeti/vnc.pw", "spice_password_file": "/root/spice.pw"}
        paths = self.paths(enabled_hypervisors=("kvm",), hvparams={"kvm": given})
        self.assertIn("/etc/ganeti/vnc.pw", paths)
        self.assertNotIn("/root/spice.pw", paths)

    def test_parameters_cannot_name_what_is_nobodys_business(self) -> None:
        for path in ("/etc/ganeti/ganeti.conf", "/etc/ganeti/x/y", "/etc/hosts", "/var/lib/ganeti/rapi.pem2"):
            given = {"kvm": {"vnc_password_file": path}}
            self.assertNotIn(path, self.paths(enabled_hypervisors=("kvm",), hvparams=given))

    def test_modes(self) -> None:
        self.assertEqual(mode_of("/var/lib/ganeti/rapi.pem"), 0o440)
        self.assertEqual(mode_of("/etc/ganeti/vnc.pw"), 0o600)
        self.assertEqual(mode_of("/etc/hosts"), 0o644)
        self.assertIsNone(mode_of("/etc/passwd"))
