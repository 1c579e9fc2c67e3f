"""The engine: a Python process that runs what clients send, with its message loop in C++."""
