"""What imports are made with: `declaration` (what each module of an import declares, and all of them),
`csv_import` (an import of one CSV file, declared as a whole), `run` (one run: records, counts, reports),
`claims` (by which a second run knows a row again), `report` (what a run says), `table` (reads a CSV file
line by line and keeps its bad lines apart) and `fields` (parses single values).
"""
