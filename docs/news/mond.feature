mond reports CPU load, disk counters and the state of instances under every hypervisor; a collector that fails no longer spoils /1/report/all.
