"""What was done, by whom: CloudTrail events in chains that nobody can quietly edit.

`event` makes one record, `trail` writes them, `chain` is the format of the file around them,
`verify` reads it back.  The format is drawn in docs/formats/audit.md.
"""
