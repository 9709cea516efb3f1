"""Performance: how the console uses the machine, live; its place is in Settings. `place` loads the rest when first opened."""
