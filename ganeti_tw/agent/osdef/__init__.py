"""OS definitions: found, judged and run, with Ganeti's script interface.

In come names of OSes and instances, out come what is wrong with a definition
and, after a run of its scripts, an instance's disks with an OS on them.
"""
