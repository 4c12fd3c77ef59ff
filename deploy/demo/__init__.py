"""`rapport demo`: real data through the whole flow, and expected figures beside the found ones.

`data/` holds the files with their source; `second_reader*.py` compute the expected figures without the
project; `figures.py` gets the same figures from store, views, API and topics; `show.py` runs all of it on a
stack. `TOUR.md` is a tour through a running demo.
"""
