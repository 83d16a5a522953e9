"""``gnt-os modify``."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cli_world import World

FIELDS = ("os_hvp", "osparams", "osparams_private_cluster", "hidden_os", "blacklisted_os")


class OsModifyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = World()
        self.world.jobs_end()

    def modified(self, *argv: str) -> dict[str, Any]:
        self.assertEqual(self.world.run("gnt-os", "modify", *argv), 0, self.world.err)
        op = self.world.submitted()[-1]
        self.assertEqual(op["OP_ID"], "OP_CLUSTER_SET_PARAMS")
        return {name: op[name] for name in FIELDS if name in op}

    def test_only_what_was_given_is_sent(self) -> None:
        for argv, wanted in (
            (("-O", "a=1,-b", "noop"), {"osparams": {"noop": {"a": "1", "b": None}}}),
            (("--os-parameters-private", "p=x", "noop+v"), {"osparams_private_cluster": {"noop+v": {"p": "x"}}}),
            (("--hidden", "yes", "noop"), {"hidden_os": [["add", "noop"]]}),
            (("--blacklisted", "no", "noop"), {"blacklisted_os": [["remove", "noop"]]}),
            (
                ("-H", "kvm:acpi=no", "-H", "fake:migration_mode=default", "noop"),
                {"os_hvp": {"noop": {"kvm": {"acpi": False}, "fake": {"migration_mode": "default"}}}},
            ),
        ):
            self.assertEqual(self.modified(*argv), wanted)

    def test_nothing_given(self) -> None:
        self.assertEqual(self.world.run("gnt-os", "modify", "noop"), 1)
        self.assertIn("Nothing to change of noop", self.world.err)
        self.assertEqual(self.world.client.calls, [])

    def test_what_is_wrong_is_named(self) -> None:
        for argv, word in ((("-H", "kvm:x=1"), "called x"), (("-H", "no_kvm"), "kvm")):
            self.assertEqual(self.world.run("gnt-os", "modify", *argv, "noop"), 1)
            self.assertIn(word, self.world.err)
        self.assertEqual(self.world.run("gnt-os", "modify", "--hidden", "perhaps", "noop"), 2)
        self.assertEqual(self.world.run("gnt-os", "modify", "--hidden", "yes"), 1)
        self.assertEqual(self.world.client.calls, [])
