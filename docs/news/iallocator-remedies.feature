A job whose iallocator finds no place says for each failed check what it means and what to do.
