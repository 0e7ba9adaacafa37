"""What people type or choose in the back office, checked: an account to be replayed, a new liquidation ratio."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from incidents import account_file
from incidents.account_file import Wrong
from incidents.models import Instrument, Order, Side
from jobs import shown

WHOLE = re.compile(r"[0-9]{1,9}")
LOOK_BACK, LOOK_ON = timedelta(hours=1), timedelta(minutes=1)  # around an order's close
TIMES = {"starts": "from", "ends": "to"}  # a field cannot be called `from`


def text(label: Any, help_text: Any = "", *, decimal: bool = False, **attrs: str) -> forms.CharField:
    """A line of text; what is right is said by the one check of the account's document, for files and forms alike."""
    attrs |= {"class": "mg-input", "autocomplete": "off", "spellcheck": "false"}
    attrs |= {"inputmode": "decimal"} if decimal else {}
    return forms.CharField(label=label, help_text=help_text, required=False, widget=forms.TextInput(attrs=attrs))


def choice(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, widget=forms.Select(attrs={"class": "mg-input"}))


class HeadForm(forms.Form):
    """The account as it stood."""

    account = text(_("Account"))
    asset = choice(_("Settlement asset"))
    wallet = text(_("Wallet balance"), _("Without the profit of open positions"), decimal=True)
    ratio = text(_("Liquidation ratio"), _("Such as 0.40; empty: the one in force then"), decimal=True)
    starts = text(_("From (UTC)"), placeholder="2022-11-16 14:09:00")
    ends = text(_("To (UTC)"), placeholder="2022-11-16 15:30:00")
    open_orders = text(_("Open orders"), _("How many; they are cancelled first"), inputmode="numeric")


class PositionForm(forms.Form):
    """One open position."""

    symbol = choice(_("Instrument"))
    side = choice(_("Side"))
    quantity = text(_("Quantity"), _("Linear: base asset; inverse: contracts"), decimal=True)
    entry_price = text(_("Entry price"), decimal=True)
    used_margin = text(_("Used margin"), decimal=True)


class Sheet:
    """The form of an account with any number of positions: what was typed stays, whatever is wrong with it."""

    def __init__(self, head: Mapping[str, str], rows: Iterable[Mapping[str, str]]):
        symbols = dict(Instrument.objects.values_list("symbol", "settle_id"))
        self.head = HeadForm(dict(head), auto_id="account_%s")
        self.rows = [PositionForm(dict(row), auto_id=f"position{n}_%s") for n, row in enumerate(rows, start=1)]
        self._offer(self.head, "asset", {asset: asset for asset in sorted(set(symbols.values()))})
        for row in self.rows:
            self._offer(row, "symbol", {symbol: f"{symbol} ({settle})" for symbol, settle in sorted(symbols.items())})
            self._offer(row, "side", dict(Side.choices))

    @staticmethod
    def _offer(form: forms.Form, name: str, offered: dict[str, Any]) -> None:
        """Choices, with what was typed among them even if it is unknown."""
        given = form.data.get(name, "")
        form.fields[name].widget.choices = [
            (key, offered.get(key, key)) for key in dict.fromkeys(["", given, *offered])
        ]

    @classmethod
    def empty(cls) -> Sheet:
        return cls({}, [{}])

    @classmethod
    def posted(cls, data: QueryDict) -> Sheet:
        """As it was sent; `do` says what else: one more position, or one less."""
        columns = {name: data.getlist(name) for name in PositionForm.base_fields}
        number = max(map(len, columns.values()))
        rows = [{name: values[n] for name, values in columns.items() if n < len(values)} for n in range(number)]
        do, _point, which = data.get("do", "").partition(".")
        if do == "add":
            rows.append({"symbol": rows[-1].get("symbol", "")} if rows else {})
        if do == "remove":
            rows = [row for n, row in enumerate(rows, start=1) if str(n) != which]
        return cls({name: data.get(name, "") for name in HeadForm.base_fields}, rows or [{}])

    @classmethod
    def filled(cls, document: dict) -> Sheet:
        """From a file, as far as it is one."""
        named = {form: document.get(key) for form, key in TIMES.items()}
        head = {name: _shown((document | named).get(name)) for name in HeadForm.base_fields}
        rows = document.get("positions")
        rows = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        return cls(head, [{name: _shown(row.get(name)) for name in PositionForm.base_fields} for row in rows] or [{}])

    @classmethod
    def of_order(cls, order: Order) -> Sheet:
        """What an order knows of its account; the wallet and the margin are still to be entered."""
        position = {name: getattr(order, name) for name in ("side", "quantity", "entry_price")}
        position |= {"symbol": order.instrument.symbol}
        head: dict = {"account": order.account.code, "asset": order.instrument.settle_id}
        if order.closed_at:
            head |= {"from": max(order.opened_at, order.closed_at - LOOK_BACK), "to": order.closed_at + LOOK_ON}
        return cls.filled(head | {"positions": [position]})

    @property
    def document(self) -> dict:
        """The account's document; what was left empty is absent."""
        head = _typed(self.head)
        for field, key in TIMES.items():
            if field in head:
                head[key] = _instant(head.pop(field))
        if WHOLE.fullmatch(head.get("open_orders", "")):
            head["open_orders"] = int(head["open_orders"])
        return head | {"positions": [_typed(row) for row in self.rows]}

    @property
    def wrong(self) -> bool:
        return any(form.errors for form in (self.head, *self.rows))

    def blame(self, errors: Iterable[Wrong]) -> None:
        """Each error to its field."""
        for error in errors:
            form, name = self._place(error.place)
            form.add_error(name if name in form.fields else None, error.says if name in form.fields else str(error))

    def _place(self, place: str) -> tuple[forms.Form, str]:
        if place.startswith("positions["):
            number, _bracket, name = place.removeprefix("positions[").partition("].")
            return self.rows[int(number) - 1], name
        return self.head, next((field for field, key in TIMES.items() if key == place), place)


def _typed(form: forms.Form) -> dict[str, Any]:
    found = {name: form.data.get(name, "").strip() for name in form.fields}
    return {name: value for name, value in found.items() if value}


def _instant(value: str) -> datetime | str:
    """The page's clock is UTC, unless an offset is typed; what is no instant stays as it was typed."""
    try:
        at = datetime.fromisoformat(value.removesuffix("UTC").strip())
    except ValueError:
        return value
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _shown(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo and value.year in account_file.YEARS:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    if isinstance(value, Decimal):
        return shown.plain(value)
    return "" if value is None else str(value)


class FileForm(forms.Form):
    """The same account as a file, chosen or pasted."""

    file = forms.FileField(label=_("A file (TOML)"), required=False)
    text = forms.CharField(
        label=_("or its text"),
        required=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 14, "class": "mg-code", "spellcheck": "false"}),
    )

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file and file.size > 1_000_000:
            raise forms.ValidationError(_("This file is too large for an account."))
        return file

    def clean(self) -> dict:
        data = super().clean() or {}
        if file := data.get("file"):
            try:
                data["text"] = file.read().decode("utf-8-sig")
            except UnicodeDecodeError:
                self.add_error("file", _("This file is not UTF-8 text."))
        elif not self.errors and not data.get("text", "").strip():
            self.add_error("text", _("Choose a file or paste its text."))
        return data

    def document(self) -> dict | None:
        """What the file says, if it is TOML; whether it is a right account is asked later."""
        try:
            return account_file.read(self.cleaned_data["text"]) if self.is_valid() else None
        except account_file.AccountFileError as error:
            self.add_error("text", error.errors)
            return None
