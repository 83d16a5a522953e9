docs/reference/commands-and-operations.rst lists which of Ganeti's commands and opcodes work; all others, also those of gnt-backup, gnt-filter and gnt-storage, are refused by name.
