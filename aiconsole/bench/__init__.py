"""The test bench: health, benchmark and stress of providers, with figures that can be trusted.

A `Plan` says what to run. The load is made by a child process (``load/``) through the providers' own dialects and transport;
it sends one `Sample` a request, from which every figure of a `Report` can be computed again. `Bench` (service.py) is the door
for the window, the command line and the jobs.
"""
