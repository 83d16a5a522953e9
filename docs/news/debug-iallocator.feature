`gnt-debug iallocator` shows what an iallocator would be told and what it answers.
