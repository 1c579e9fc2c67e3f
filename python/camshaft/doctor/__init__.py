"""What keeps a cluster from working, in one sentence per finding that says what to do: ``ipcluster doctor``."""
