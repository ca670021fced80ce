"""Work in the background: leases on rows, the loop that hands out what is due, long jobs, and the queue.

Nothing is imported here: the models of every app build on `leases`.
"""
