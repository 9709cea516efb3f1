"""Drills: a route is put under declared faults, against the simulator only, and what came of it is told in figures."""
