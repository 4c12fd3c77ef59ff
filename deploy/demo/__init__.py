"""`rapport demo`: real data through the whole flow, and what was expected beside what is found.

`data/` holds the files with their source; `second_reader*.py` compute the expected figures without the
project; `figures.py` asks store, views, API and topics for the same; `show.py` runs all of it on a stack.
"""
