The error of a job whose master died in the middle of `gnt-node add` or `remove`, or `gnt-instance add`, `remove` or `rename`, says what is done, what is left and which command goes on from there.
