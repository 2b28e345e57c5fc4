"""Who is asking: AWS Signature Version 4.  Pure: time and secrets come as arguments.

`verify` is the door.  The rules stand in `header` (the Authorization header), `moment` (dates and
skew), `canonical` (what is signed) and `signing` (with what).
"""
