gnt-debug test-osparams shows whether secret OS parameters reach an operation.
