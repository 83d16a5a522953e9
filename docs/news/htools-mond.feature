hbal, hinfo and hail weigh instances by what the monitoring daemons report (`--mond`, `--mond-data`, `--mond-xen`).
