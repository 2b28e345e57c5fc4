"""How fast, how small: measured on real processes, over real sockets, on a real disk.

`python -m bench` (`make bench`); docs/performance.md says how each figure is made.
"""
