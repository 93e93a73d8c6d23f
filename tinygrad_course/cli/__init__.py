"""The command line, `tgc`: what a newcomer meets first.

`app.py` knows the commands by name and imports one only when it runs, so that `tgc --help` is
there at once; `failure.py` turns every error into one message. One file a command: read
`train.py`, then `display.py`, which draws a run while it learns.
"""
