"""Whole clusters under seeded faults, in virtual time.

A *script* is what happens to a cluster and when: faults, the wishes of
clients, the deeds of an administrator.  A *world* plays one and watches: the
invariants are checked as things happen.  Scripts come from a seed
(:mod:`.dice`), from a scenario file (:mod:`.scenario`) or from a test.  The
production code is the one that runs on real hosts.
"""
