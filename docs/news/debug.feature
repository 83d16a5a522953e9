gnt-debug locks shows held and awaited locks, once or every --interval; gnt-debug submit-job submits files of opcodes; gnt-debug actors tells how late the reactor was.
