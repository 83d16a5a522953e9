Bash completes subcommands, options and names of objects with etc/bash-completion/ganeti_tw.
