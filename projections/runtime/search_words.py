"""Makes search words of names: without case, accents and punctuation."""

from __future__ import annotations

import unicodedata
from typing import Final

LONGEST: Final = 60
"""Characters of a word that are kept: PostgreSQL's search words have a limit, people's do not."""
MAX_WORDS: Final = 50
"""Words that are kept of one text."""


def words(text: str | None) -> list[str]:
    """Returns the words of a text, each once, in their order; letters and digits alone."""
    if not text:
        return []
    plain = "".join(
        each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each)
    )
    spaced = "".join(each if each.isalnum() else " " for each in plain)
    return list(dict.fromkeys(word[:LONGEST] for word in spaced.split()))[:MAX_WORDS]


def beginnings(text: str) -> str | None:
    """Returns a `tsquery` for texts in which a word begins with each word of `text`; None without words."""
    found = words(text)
    return " & ".join(f"'{word}':*" for word in found) if found else None
