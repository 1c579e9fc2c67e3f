"""What a client does for Jupyter: tables and texts for people, and widgets of engines in the client's notebook."""
