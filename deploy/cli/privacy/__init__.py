"""`rapport privacy`: the rights of the persons whose data Rapport keeps."""
