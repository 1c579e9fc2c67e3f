"""Programs under the module names that they have in the original."""
