"""Sends a few bytes to an address that an operator names."""

from __future__ import annotations

import ipaddress
from typing import Final

import httpx

from domain.kernel.user_errors import EnvironmentProblem

TIMEOUT_SECONDS: Final = 15.0


class WebhookProblem(EnvironmentProblem):
    """The content was not accepted. The text is a sentence."""


def send(url: str, content: bytes) -> str:
    """Sends the JSON `content` by POST; the address, without what may be secret in it.

    It follows no redirects: the content goes to the named address alone.

    Raises `WebhookProblem` for an address that is neither https nor on this machine, and unless the answer
    is a 2xx within 15 seconds.
    """
    where = _checked(url)
    try:
        answer = httpx.post(
            where,
            content=content,
            headers={"content-type": "application/json"},
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
        )
    except httpx.HTTPError as error:
        words = str(error).rstrip(".") or type(error).__name__
        raise WebhookProblem(
            f"Nothing was delivered to {_shown(where)}: {words}. Check the address, and that it can be "
            "reached from here, then repeat."
        ) from None
    if not answer.is_success:
        raise WebhookProblem(
            f"{_shown(where)} responded {answer.status_code}, so it may not have kept the content. Look "
            "there for the reason, then repeat."
        )
    return _shown(where)


def _checked(url: str) -> httpx.URL:
    try:
        where = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise WebhookProblem(
            f"{url!r} is not an address: {error}. Name one that begins with https://."
        ) from None
    if not where.host or where.scheme not in ("http", "https"):
        raise WebhookProblem("A webhook needs an address that begins with https://. Name one.")
    if where.scheme == "http" and not _local(where.host):
        raise WebhookProblem(
            f"{_shown(where)} is not encrypted, so somebody on the way could exchange what is sent. Use "
            "https://; http:// is for addresses on this machine alone."
        )
    return where


def _local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(where: httpx.URL) -> str:
    """The address without what may be secret in it."""
    port = f":{where.port}" if where.port else ""
    return f"{where.scheme}://{where.host}{port}{where.path}"
