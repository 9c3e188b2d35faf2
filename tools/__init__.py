"""What keeps README and docs true: records of runs, the tables rendered from them, and numbers that are in none.

`python -m tools.record results/NAME` writes a record, `python -m tools.render` fills it into the pages, `python -m
tools.unrecorded` finds numbers that no record has, and MkDocs runs `tools/site.py` as it builds the site.
"""
