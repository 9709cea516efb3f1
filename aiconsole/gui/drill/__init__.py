"""A drill in the window: what to try on which route, how the route copes while it runs, and what came of it."""
