Jobs may depend on other jobs (`depends` of opcodes); `gnt-job info` says what a job waits for.
