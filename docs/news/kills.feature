``ganeti-kills`` kills real host processes under load, over and over, and compares what clients were told with what is there.
