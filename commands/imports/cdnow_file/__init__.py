"""The file of CDNOW: `rows` turns lines into purchases, `histories` purchases into commands."""
