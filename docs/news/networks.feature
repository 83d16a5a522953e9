gnt-network works with all its subcommands; NICs of new instances take addresses from the pools of networks (network=NAME,ip=pool) and give them back.
