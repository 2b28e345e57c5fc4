"""One module per service, written by `scripts/shapes.py`: its structs, `OPERATIONS`, `SERVICE`."""
