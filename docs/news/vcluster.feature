A virtual cluster on one machine is made, started, stopped and removed by ganeti-vcluster, without root.
