hspace for templates without a second node takes about two thirds of the time it took.
