"""`{% load shown %}`: money, prices and instants in every template the same."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from jobs import shown

register = template.Library()


@register.filter
def price(value: Decimal | None) -> SafeString:
    """A price: two decimals at least, and the plain number for machines."""
    return data(value, shown.number(value, 2))


@register.filter
def quantity(value: Decimal | None) -> SafeString:
    """A quantity, a percentage: no needless zeros."""
    return data(value, shown.number(value))


@register.filter
def money(value: Decimal | str | None, asset: str = "") -> SafeString:
    """An amount with its asset beside it, never apart."""
    value = Decimal(value) if isinstance(value, str) else value
    return format_html('<span class="mg-money">{} {}</span>', data(value, shown.number(value, 2)), asset)


def data(value: Decimal | None, text: str) -> SafeString:
    return format_html('<data class="mg-num" value="{}">{}</data>', shown.plain(value), text)


register.filter("instant", shown.instant)
register.filter("exact", shown.exact)
register.filter("duration", shown.duration)
