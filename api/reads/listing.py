"""The pages of one list: its arguments, from the query or the page before, and the token of the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final

from fastapi import Query, Request

from api.http.page_tokens import Page, PageTokens
from api.reads.snapshot import Snapshot
from projections.identity.questions import Identity
from projections.runtime.listing import Filter

_NO_ARGUMENTS: Final = frozenset({"page_token", "page_size", "wait_ms", "on_timeout"})
"""The arguments that may differ from page to page; tokens are bound to all others."""

PageSize = Annotated[int, Query(ge=1, le=500)]
PageToken = Annotated[str | None, Query(description="From the page before.", max_length=4000)]

NEXT: Final = "Send it as page_token for the next page; null at the end."


class Paging:
    """Where one page of the list `name` begins: `arguments` of the list, and `after` as its query gave it."""

    def __init__(
        self,
        request: Request,
        look: Snapshot,
        name: str,
        page_token: str | None,
        *,
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        """The arguments are those of the query unless they are given. Raises `Problem` (`page-token`)."""
        self._tokens: PageTokens = request.app.state.tokens
        self._name, self._version = name, look.version
        sent = arguments
        if sent is None:
            sent = {key: text for key, text in request.query_params.items() if key not in _NO_ARGUMENTS}
        page = (
            Page(sent, None)
            if page_token is None
            else self._tokens.open(page_token, name, look.version, sent)
        )
        self.arguments: Mapping[str, str] = page.arguments
        self.after = page.after

    def next(self, after: Sequence[str] | None) -> str | None:
        """Returns the token of the page after `after`; None at the end."""
        if after is None:
            return None
        return self._tokens.seal(self._name, self._version, self.arguments, after)


def following_merges(found: list[Filter], look: Snapshot) -> list[Filter]:
    """Customer filters widened to all parties that are the same customer now."""
    identity = look.ask("identity", Identity)
    wide: list[Filter] = []
    for one in found:
        if one.field == "customer_id":
            customers = one.value if one.op == "in" else [one.value]
            members = {party for customer in customers for party in identity.members(customer)}
            wide.append(Filter("customer_id", "in", sorted(members)))
        else:
            wide.append(one)
    return wide
