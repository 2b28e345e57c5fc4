"""May this principal do that?  Documents become compiled statements, and those a decision.

Nothing here reads a clock, a file or a setting, and nothing is remembered but what was compiled.

    document   text to a tree that knows its lines and columns
    grammar    what a document of each kind may say; AWS's refusals
    compiled   a document that may be asked: statements, arranged by action
    layers     who asks for what, and everything that has a say
    decide     the answer, fast
    explain    the same answer with everything that led to it
    simulation the same as IAM's policy simulator tells it
    cases      policy tests, one JSON object each

The specification is AWS's documented behaviour; docs/divergences.md says where it is silent and
what was chosen.
"""
