"""Every option belongs to the tools that Ganeti's reference gives it to."""

from __future__ import annotations

from unittest import TestCase

from ganeti_tw.cli.htools.entry import TOOLS
from ganeti_tw.cli.htools.options import options_of
from runs import InFolder

ALL = "hail harep hbal hcheck hinfo hroller hscan hspace hsqueeze"
BIG = "hbal hspace hinfo hcheck hroller"

# Long option, short one, whether its argument is missing (-), needed (1) or optional (?), and the tools that have it.
TABLE = f"""
text-data t 1 hbal hcheck hinfo hroller hspace hsqueeze hail
master m 1 {BIG}
luxi L ? hbal hcheck hinfo hroller hspace hsqueeze hscan harep
ialloc-src I 1 {BIG}
simulate . 1 hspace hail
print-nodes p ? hbal hspace hinfo hail hscan
print-instances . - hbal hinfo
print-commands C ? hbal hsqueeze
save S 1 hbal hspace hroller hsqueeze hail
exec X - hbal hsqueeze
verbose v - hbal hcheck hinfo hroller hspace hsqueeze hail hscan
quiet q - {BIG}
offline O 1 {BIG}
group G 1 hbal hroller
max-length l 1 hbal hspace hcheck
min-score e 1 hbal hcheck
min-gain g 1 hbal hcheck
min-gain-limit . 1 hbal hcheck
max-cpu . 1 hbal hspace hcheck
min-disk . 1 hbal hspace hcheck
evac-mode E - hbal hcheck
no-disk-moves . - hbal hcheck
no-instance-moves . - hbal hcheck
select-instances . 1 hbal hcheck
exclude-instances . 1 hbal hcheck
exclusion-tags . 1 hbal hcheck
dynu-file U 1 hbal hcheck
restricted-migration . - hbal
first-job-group . - hbal
reason . 1 hbal harep
priority . 1 hbal
ignore-soft-errors . - hbal hcheck hail
ignore-dynu . - hbal hcheck hinfo hail
mond . ? hbal hinfo hail
mond-data . 1 hbal hinfo
mond-xen . - hbal hail
exit-on-missing-mond-data . - hbal
no-capacity-checks . - hspace hcheck hail
machine-readable . ? hspace hcheck
static-kvm-node-memory . 1 hbal hspace hinfo hroller hscan hsqueeze hail
disk-template . 1 hspace
spindle-use . 1 hspace
standard-alloc . 1 hspace
tiered-alloc . 1 hspace
independent-groups . - hspace
accept-existing-errors . - hspace
restrict-allocation-to . 1 hail
no-simulation . - hcheck
offline-maintenance . - hroller
node-tags . 1 hroller
print-moves . - hroller
full-evacuation . - hroller
skip-non-redundant . - hroller
ignore-non-redundant . - hroller
force f - hroller
one-step-only . - hroller
no-headers . - hroller hscan hsqueeze
output-dir d 1 hscan
minimal-resources . 1 hsqueeze
target-resources . 1 hsqueeze
job-delay . 1 harep
dry-run . - harep
version V - {ALL}
help h - {ALL}
help-completion . - {ALL}
"""


class OptionTests(TestCase):
    def test_the_tools_are_all_there(self) -> None:
        self.assertEqual(sorted(TOOLS), ALL.split())

    def test_each_tool_has_the_options_of_ganetis(self) -> None:
        rows = [line.split() for line in TABLE.strip().splitlines()]
        for tool in TOOLS:
            want = {name: (short.strip("."), kind) for name, short, kind, *tools in rows if tool in tools}
            have = {
                option.long: (option.short, "-" if option.argument is None else "?" if option.optional else "1")
                for option in options_of(tool)
            }
            self.assertEqual({name: have.get(name) for name in want}, want, tool)


class ValueTests(InFolder):
    """Each bad value ends with status 1 and names its option, itself and what is allowed."""

    def refused(self, *words: str) -> str:
        got = self.run_tool(*words)
        first, _, text = got.stderr.partition("\n")
        self.assertEqual((got.status, got.stdout, first), (1, "", "Error while parsing command line arguments:"))
        return text.strip()

    def test_numbers(self) -> None:
        for text in ("x", "nan", "inf", "", "1e3", "0x10", "99999999999999999999"):
            said = self.refused("hbal", "-l", text)
            self.assertEqual(said, f"max-length: cannot parse string '{text}'; --max-length takes a whole number")
        for text in ("x", "nan", "1e999", ".5"):
            self.assertIn(f"'{text}'; --min-score takes a number", self.refused("hbal", "-e", text))
        self.assertIn("'-1'; --spindle-use takes a whole number from 0 on", self.refused("hspace", "--spindle-use=-1"))
        self.assertIn("'-1'; --min-disk takes a number from 0 on", self.refused("hbal", "--min-disk=-1"))
        self.assertIn(">0: '-2'", self.refused("hcheck", "--max-cpu=-2"))

    def test_choices(self) -> None:
        self.assertEqual(
            self.refused("hbal", "--priority=up"), "Unknown priority 'up'; --priority takes one of low, normal, high"
        )
        self.assertIn("--mond takes one of yes, no", self.refused("hinfo", "--mond=maybe"))
        self.assertIn(
            '"zfs"; --disk-template takes one of diskless, file', self.refused("hspace", "--disk-template=zfs")
        )

    def test_sizes(self) -> None:
        for text in ("a,1,1", "1q,1,1", "1,1,-1", "1,1,1,x"):
            self.assertIn("--tiered-alloc takes disk,ram,cpu", self.refused("hspace", f"--tiered-alloc={text}"))
