"""Jobs: accepted, stored, run, watched.

In: ``SubmitJob``, ``CancelJob``, ``WaitForChange``.  Out: rows of kind ``job``
in the ledger, one per job, in the form of Ganeti's job files.
"""
