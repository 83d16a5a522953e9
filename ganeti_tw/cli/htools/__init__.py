"""The programs hbal, hail, hspace, hinfo, hcheck, hroller, hscan, hsqueeze and harep.

Options in, exit status out: each tool is one file with a ``run``; what they decide
is in the room ``htools``.  These start in a fraction of the time argparse and
attrs would take, because iallocators are run for each new instance.
"""
