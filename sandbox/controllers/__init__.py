"""What keeps the cluster's objects as they say they should be: one small file a controller."""
