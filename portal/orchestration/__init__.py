"""What moves work: the queue, and the processes that take from it."""
