"""The read model `pipeline`: opportunities, the board, and every version of each for as-of questions."""
