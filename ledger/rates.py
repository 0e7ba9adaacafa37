"""Enter what an asset was worth in another: for reports alone, nothing is posted at a rate. A better one is a new row."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from ledger.models import Asset, Rate

PERMISSION = "ledger.add_rate"
DECIMALS, DIGITS = 12, 28  # of a rate, as its column has them


class RateError(Exception):
    """A rate that is not entered; the message says what would be right."""


def enter(asset: str, in_asset: str, rate: Decimal, *, at: datetime, source: str, by, now: datetime) -> Rate:
    """Enter that one `asset` was worth `rate` of `in_asset` at an instant; the very same again is the first one.

    Raises RateError: without the permission, for assets that the books do not have, a rate that is none, no source.
    """
    if by is None or not by.has_perm(PERMISSION):
        raise RateError(f"{by.get_username() if by else 'nobody'} has not the permission {PERMISSION}")
    source = source.strip()
    wrong = _wrong_assets(asset, in_asset) or _wrong_rate(rate) or _wrong_source(at, source, now)
    if wrong:
        raise RateError(wrong)
    facts = {"asset_id": asset, "in_asset_id": in_asset, "rate": rate, "at": at, "source": source}
    return Rate.objects.filter(**facts).order_by("pk").first() or Rate.objects.create(
        **facts, entered_by=by, entered_at=now
    )


def _wrong_assets(asset: str, in_asset: str) -> str | None:
    known = Asset.objects.values_list("code", flat=True)
    for code in (asset, in_asset):
        if code not in known:
            return f"the books have no asset {code!r}; they have: {', '.join(known) or 'none yet'}"
    return f"one {asset} is one {asset}: a rate is between two assets" if asset == in_asset else None


def _wrong_rate(rate: Decimal) -> str | None:
    if not (rate.is_finite() and rate > 0):
        return f"a rate is a number above 0, not {rate}"
    whole, _point, decimals = f"{rate:f}".partition(".")
    if len(decimals.rstrip("0")) > DECIMALS or len(whole.lstrip("0")) > DIGITS - DECIMALS:
        return f"{rate:f} does not fit: {DIGITS - DECIMALS} digits before the point and {DECIMALS} after it at most"
    return None


def _wrong_source(at: datetime, source: str, now: datetime) -> str | None:
    if at.tzinfo is None:
        return f"{at} has no offset: write 2022-11-30T00:00:00Z"
    if at > now:
        return f"{at.isoformat()} is still to come: a rate is of an instant that has been"
    if not source or len(source) > 200 or not source.isprintable():
        return "a source is one line of text, 1 to 200 characters: where an auditor can look the rate up"
    return None
