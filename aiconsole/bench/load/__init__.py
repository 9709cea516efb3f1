"""The process that makes the load: ``python -m aiconsole.bench.load``, steered and read over its standard streams.

It gets one `Order` as a line of JSON on standard input, keys included (so they are in no argument list, environment or file),
tells what happens as lines of JSON on standard output, and stops at the line ``stop`` or when its standard input ends.
"""
