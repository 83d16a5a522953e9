``ganeti-sim`` plays clusters under seeded faults in virtual time and checks that nothing acknowledged is lost.
