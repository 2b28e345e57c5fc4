"""A package per AWS service; in each, a function per operation."""
