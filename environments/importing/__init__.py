"""What runs in a namespace, read back into the files of a bundle: which objects, and what of them people wrote."""
