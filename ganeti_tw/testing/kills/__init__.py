"""Real processes killed under load, over and over, and what clients were promised compared with what is there.

*Clients* (:mod:`.clients`) do things to a virtual cluster and write down, on
disk, what they were told (:mod:`.journal`).  Every *round* (:mod:`.rounds`)
kills hosts and brings them back.  Then everything the journals say
(:mod:`.expected`) is looked up in the living cluster and in the ledger of
every host (:mod:`.observed`).
"""
