Long steps of jobs say how far they are: a bar on a terminal, lines on standard error elsewhere.
