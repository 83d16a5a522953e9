gnt-instance batch-create creates the instances described in a JSON file; opcodes may return further jobs, which are submitted.
