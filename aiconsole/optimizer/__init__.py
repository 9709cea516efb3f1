"""How the console uses the machine: pools and who holds what of them, memory against a budget, its own performance, profiles.

`service.Optimizer` puts the parts together and takes figures with each beat of the event loop's heart. `monitor` judges them,
`leaks` names who holds something too long, `memory` and `collection` give memory back, `warming` connects before the first
request, and `profiles` are sets of settings to switch between. What they work on comes through doors (`service.Doors`).
"""
