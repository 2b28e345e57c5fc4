"""Keys of all kinds, from the first request to the last, against a model in plain values.

`model`, `kinds` and `grant_model` know what AWS documents of KMS and nothing of how it is done here.  The other
modules are rules about one thing each: every rule asks the world (`worlds`) and the model the same, and they must say
the same.  `machines` puts them together.
"""
