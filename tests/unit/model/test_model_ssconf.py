from __future__ import annotations

import json

import attrs
from twisted.trial.unittest import SynchronousTestCase

from ganeti_tw.model.codec import row
from ganeti_tw.model.ssconf import ssconf
from model_samples import DATA, NODE, reference, sample_config

SAMPLE = {k.removeprefix("ssconf_"): v for k, v in json.loads((DATA / "ssconf.json").read_text())["files"].items()}


class SampleTests(SynchronousTestCase):
    def test_the_keys_are_those_of_the_sample(self) -> None:
        self.assertEqual(set(ssconf(sample_config(), "3.0.2")), set(SAMPLE))

    def test_the_keys_are_those_of_the_constants(self) -> None:
        constants = reference("constants")["ssconf"]
        known = {v for k, v in constants.items() if k.startswith("SS_") and isinstance(v, str)}
        known.discard(constants["SS_HVPARAMS_PREF"])
        written = {k for k in ssconf(sample_config(), "3.0.2") if not k.startswith("hvparams_")}
        self.assertEqual(written - known, set())

    def test_the_texts_are_those_of_the_sample(self) -> None:
        texts = ssconf(sample_config(), "3.0.2")
        for key, text in SAMPLE.items():
            if text.endswith("..."):
                self.assertEqual(texts[key][: len(text) - 3], text[:-3], key)
            else:
                self.assertEqual(texts[key], text, key)


class ContentTests(SynchronousTestCase):
    def test_offline_nodes_are_in_their_own_list(self) -> None:
        config = sample_config()
        texts = ssconf(config.apply([row(attrs.evolve(config.node(NODE), offline=True))]), "3.0.2")
        self.assertEqual((texts["offline_nodes"], texts["online_nodes"]), ("ref1.ref.example\n", ""))

    def test_uid_pool_has_single_numbers_and_ranges(self) -> None:
        config = sample_config()
        config = config.apply([row(attrs.evolve(config.cluster, uid_pool=([1, 1], [5, 9])))])
        self.assertEqual(ssconf(config, "3.0.2")["uid_pool"], "1\n5-9\n")

    def test_ssh_ports_are_those_of_the_node_parameters(self) -> None:
        config = sample_config()
        config = config.apply([row(attrs.evolve(config.node(NODE), ndparams={"ssh_port": 2222}))])
        self.assertEqual(ssconf(config, "3.0.2")["ssh_ports"], "ref1.ref.example=2222\n")

    def test_instances_are_in_natural_order(self) -> None:
        config = sample_config()
        instance = attrs.evolve(config.instance("inst1"), name="inst10.ref.example")
        names = ssconf(config.apply([row(instance)]), "3.0.2")["instance_list"].split()
        self.assertEqual([n.partition(".")[0] for n in names], ["inst2", "inst3", "inst10"])
