"""Whether objects have arrived, and in words why they have not."""
