"""AWS KMS that you run yourself, on AWS's own wire."""

__version__ = "0.1.0.dev0"
