The htools take half the CPU time on clusters of a few nodes: they start in less, and most runs do without NumPy.
