from __future__ import annotations

from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.codec import row
from ganeti_tw.model.status import ALL, Seen, status
from model_samples import NODE, reference, sample_config


def derived(seen: Seen | None, answered: bool = True, offline: bool = False, user: bool = False, **fields: Any) -> str:
    config = sample_config()
    node = attrs.evolve(config.node(NODE), offline=offline)
    cluster = attrs.evolve(config.cluster, enabled_user_shutdown=user)
    instance = attrs.evolve(config.instance("inst1"), **fields)
    return status(config.apply([row(node), row(cluster)]), instance, answered, seen)


HERE = Seen(NODE)
SHUT = Seen(NODE, "shutdown")


class StatusTests(SynchronousTestCase):
    def test_an_offline_primary_comes_first(self) -> None:
        self.assertEqual(derived(HERE, answered=False, offline=True), "ERROR_nodeoffline")

    def test_a_silent_primary_comes_second(self) -> None:
        self.assertEqual(derived(HERE, answered=False), "ERROR_nodedown")

    def test_running_where_it_should(self) -> None:
        self.assertEqual(derived(HERE), "running")

    def test_paused_is_running(self) -> None:
        self.assertEqual(derived(Seen(NODE, "paused")), "running")

    def test_running_elsewhere(self) -> None:
        self.assertEqual(derived(Seen("other")), "ERROR_wrongnode")

    def test_running_though_it_should_be_down(self) -> None:
        self.assertEqual(derived(HERE, admin_state="down"), "ERROR_up")

    def test_shut_down_by_its_user(self) -> None:
        self.assertEqual(derived(SHUT, user=True), "USER_down")

    def test_shut_down_though_users_may_not(self) -> None:
        self.assertEqual(derived(SHUT), "ERROR_down")

    def test_shut_down_as_it_should_be(self) -> None:
        self.assertEqual(derived(SHUT, admin_state="down"), "ADMIN_down")

    def test_kvm_needs_its_own_parameter_for_user_shutdown(self) -> None:
        self.assertEqual(derived(SHUT, user=True, hypervisor="kvm"), "ERROR_down")
        self.assertEqual(derived(SHUT, user=True, hypervisor="kvm", hvparams={"user_shutdown": True}), "USER_down")

    def test_gone_though_it_should_run(self) -> None:
        self.assertEqual(derived(None), "ERROR_down")

    def test_gone_as_it_should_be(self) -> None:
        self.assertEqual(derived(None, admin_state="down"), "ADMIN_down")

    def test_gone_because_its_user_wanted(self) -> None:
        self.assertEqual(derived(None, admin_state="down", admin_state_source="user", user=True), "USER_down")

    def test_set_offline(self) -> None:
        self.assertEqual(derived(None, admin_state="offline"), "ADMIN_offline")

    def test_forthcoming_is_down(self) -> None:
        self.assertEqual(derived(None, answered=False, forthcoming=True), "ADMIN_down")

    def test_the_words_are_the_known_ones(self) -> None:
        self.assertEqual(sorted(ALL), sorted(reference("constants")["instance_states"]["INSTST_ALL"]))
