"""`python -m strongroom`."""

from strongroom.main import main

main()
