"""One contact, entered in seconds: who as one types, the incident by the time, order numbers in any form, checked at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from claims import callers, gate, intake, order_numbers
from claims.models import Contact
from jobs.cells import CellError, Column, Reading

AGO = re.compile(r"(?:-\s*)?([0-9]{1,4})\s*(m|min|minutes?|分钟?|h|hours?|小时)\s*(?:ago|前)?", re.IGNORECASE)
INSTANT = Column("contacted_at", "instant")
KEPT = ("channel", "zone")  # from one contact of a pile to the next


def text_box(**attrs) -> forms.TextInput:
    return forms.TextInput(attrs={"class": "mg-input", "autocomplete": "off", **attrs})


def zones() -> list[tuple[str, str]]:
    """The zones that incidents are told in first, then all there are."""
    near = ["UTC", *callers.incidents().values_list("timezone", flat=True)]
    names = dict.fromkeys([*near, *sorted(name for name in available_timezones() if "/" in name)])
    return [(name, name) for name in names]


class ContactForm(forms.Form):
    """A contact as an agent hears or reads it."""

    who = forms.CharField(label=gettext_lazy("Customer or account"), required=False, max_length=200)
    customer = forms.CharField(required=False, widget=forms.HiddenInput)
    account = forms.CharField(label=gettext_lazy("Account"), required=False, max_length=64, widget=text_box())
    is_new = forms.BooleanField(required=False, widget=forms.HiddenInput)
    code = forms.CharField(label=gettext_lazy("Customer's code"), required=False, max_length=64, widget=text_box())
    name = forms.CharField(label=gettext_lazy("Name"), required=False, max_length=200, widget=text_box())
    email = forms.EmailField(label=gettext_lazy("E-mail"), required=False, widget=text_box(inputmode="email"))
    language = forms.ChoiceField(
        label=gettext_lazy("Language of letters"),
        required=False,
        choices=[("en", "English"), ("zh", "中文")],
        widget=forms.Select(attrs={"class": "mg-input"}),
    )
    orders = forms.CharField(
        label=gettext_lazy("Orders they name, pasted in any form"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"class": "mg-input", "rows": 3, "spellcheck": "false"}),
    )
    message = forms.CharField(
        label=gettext_lazy("What they say"),
        required=False,
        max_length=20_000,
        widget=forms.Textarea(attrs={"class": "mg-input", "rows": 3}),
    )
    ticket = forms.CharField(label=gettext_lazy("Ticket"), required=False, max_length=64, widget=text_box())
    channel = forms.ChoiceField(
        label=gettext_lazy("Channel"),
        choices=Contact.Channel.choices,
        initial=Contact.Channel.CHAT,
        widget=forms.Select(attrs={"class": "mg-input"}),
    )
    at = forms.CharField(
        label=gettext_lazy("When they reached us"), max_length=40, initial=gettext_lazy("just now"), widget=text_box()
    )
    zone = forms.ChoiceField(
        label=gettext_lazy("Time zone of this time"),
        choices=zones,
        initial="UTC",
        widget=forms.Select(attrs={"class": "mg-input"}),
    )
    incident = forms.ModelChoiceField(
        callers.incidents().none(),
        label=gettext_lazy("Incident"),
        to_field_name="reference",
        required=False,
        empty_label=gettext_lazy("by the time of the contact"),
        widget=forms.Select(attrs={"class": "mg-input"}),
    )

    def __init__(self, *args, now: datetime, **kwargs):
        super().__init__(*args, **kwargs)
        self.now = now
        self.fields["incident"].queryset = callers.incidents()

    def clean_at(self) -> datetime:
        zone = self.data.get("zone", "")
        try:
            return instant_of(self.cleaned_data["at"], zone if zone in available_timezones() else "UTC", now=self.now)
        except CellError as wrong:
            raise forms.ValidationError(
                _("Write a time such as 14:30, 2022-11-16 14:30, 10 min, 2 h or now (%(why)s).") % {"why": wrong}
            ) from None

    def clean_orders(self) -> order_numbers.Named:
        return order_numbers.read(self.cleaned_data["orders"])

    def clean(self) -> dict:
        data = super().clean() or {}
        data["incident"] = data.get("incident") or ("at" in data and callers.suggested(data["at"])) or None
        data["customer"] = self._new_customer(data) if data.get("is_new") else callers.customer_with(data["customer"])
        if data["customer"] is None and not self.errors:
            self.add_error("who", _("Choose the customer from the list, or make a new one."))
        if data["incident"] is None and "at" not in self.errors:
            self.add_error("incident", _("No published incident began before this time: choose one."))
        return data

    def _new_customer(self, data: dict) -> callers.Customer | None:
        code = data.get("code", "").strip()
        if not code:
            self.add_error("code", _("A new customer needs the code that the exchange knows them by."))
            return None
        if callers.customer_coded(code):
            self.add_error("code", _("There is a customer %(code)s already: choose them above.") % {"code": code})
            return None
        return callers.new_customer(code=code, **{name: data.get(name, "") for name in ("name", "email", "language")})

    def contact(self) -> dict:
        """What `intake.submit` is told."""
        data = self.cleaned_data
        said = {name: data[name] for name in ("incident", "customer", "channel", "account", "message", "ticket")}
        return said | {"contacted_at": data["at"], "order_ids": data["orders"].ids, "now": self.now}


def instant_of(text: str, zone: str, *, now: datetime) -> datetime:
    """'now', '10 min', '2 h ago', '14:30' (today, or yesterday if that is still to come), '2022-11-16 14:30'; CellError else.

    What is counted back from now is cut to the minute: the same contact sent twice stays one.
    """
    text = " ".join(text.split())
    if text.lower() in ("now", "just now", _("just now")):
        return now.replace(second=0, microsecond=0)
    if ago := AGO.fullmatch(text):
        hours = ago[2].lower().startswith(("h", "小"))
        return (now - int(ago[1]) * timedelta(hours=hours, minutes=not hours)).replace(second=0, microsecond=0)
    there = now.astimezone(ZoneInfo(zone))
    clock = re.fullmatch(r"([0-9]{1,2}):([0-9]{2})", text)
    if clock is None:
        return _written(text, zone)
    text = f"{clock[1]:0>2}:{clock[2]}"
    today = _written(f"{there:%Y-%m-%d} {text}", zone)
    return today if today <= now else _written(f"{there - timedelta(days=1):%Y-%m-%d} {text}", zone)


def _written(text: str, zone: str) -> datetime:
    """A day and a time as our files read them: an offset of its own goes before the zone."""
    at = datetime.fromisoformat(INSTANT.read(text, Reading(timezone=zone)))
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


class Checked:
    """What the form says so far, held against what we know: shown before anything is saved."""

    def __init__(self, form: ContactForm):
        form.is_valid()
        data, self.form = form.cleaned_data, form
        self.customer = data.get("customer")
        self.at, self.incident = data.get("at"), data.get("incident")
        self.account, self.named = data.get("account", ""), data.get("orders") or order_numbers.Named(())
        self.time_is_wrong = form.errors.get("at")

    @cached_property
    def kept(self) -> callers.Customer | None:
        """The customer, if we have them already."""
        return self.customer if self.customer is not None and self.customer.pk else None

    @cached_property
    def claim(self):
        return callers.claim_of(self.kept, self.incident) if self.kept and self.incident else None

    @cached_property
    def orders(self) -> list[callers.NamedOrder]:
        return callers.named_orders(self.named.ids, self.kept)

    @property
    def account_is_strange(self) -> bool:
        return callers.account_is_strange(self.account, self.kept)

    @property
    def local(self) -> str:
        """The time in the incident's own zone, where that is another; a template's filter would show it in UTC."""
        if self.at is None or self.incident is None or self.incident.timezone == "UTC":
            return ""
        return f"{self.at.astimezone(ZoneInfo(self.incident.timezone)):%Y-%m-%d %H:%M}"

    @property
    def is_to_come(self) -> bool:
        return self.at is not None and self.at > self.form.now


class NewContact:
    """The page's addresses, under the claims' own."""

    def new_contact_urls(self):
        def at(route, view, name):
            return path(f"new-contact/{route}", self.admin_site.admin_view(view), name=f"claims_new_contact{name}")

        return [
            at("", self.new_contact_view, ""),
            at("customers/", self.callers_view, "_customers"),
            at("check/", self.contact_check_view, "_check"),
        ]

    def new_contact_view(self, request):
        self._may_enter(request)
        kept = {name: request.GET[name] for name in KEPT if name in request.GET}
        form = ContactForm(request.POST or None, now=timezone.now(), initial=kept)
        if request.method == "POST" and form.is_valid():
            try:
                claim = intake.submit(**form.contact(), by=request.user)
            except gate.Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                return self._contact_entered(request, form, claim)
        return self.framed(request, "claims/intake_contact.html", form=form, title=_("New contact"))

    def _contact_entered(self, request, form, claim):
        link = format_html('<a class="mg-link" href="{}">{}</a>', claim.get_absolute_url(), claim.reference)
        messages.success(request, format_html(_("{claim}: the contact of {customer} is on the claim."), claim=link,
                                              customer=claim.customer))  # fmt: skip
        self._tell_oddities(request, callers.orders_to_clear_up([claim.pk]).get(claim.pk, 0))
        if "next" not in request.POST:
            return redirect(claim)
        kept = urlencode({name: form.cleaned_data[name] for name in KEPT})
        return redirect(f"{reverse('admin:claims_new_contact')}?{kept}")

    @staticmethod
    def _tell_oddities(request, orders: int) -> None:
        if orders:
            text = ngettext(
                "%(n)s order named is unknown or another customer's: a finding on the claim.",
                "%(n)s orders named are unknown or another customer's: a finding on the claim.",
                orders,
            )
            messages.warning(request, text % {"n": orders})

    def callers_view(self, request):
        """The customers that may be meant, as one types."""
        self._may_enter(request)
        text = request.GET.get("who", "").replace("\0", "").strip()[:200]
        found = [(customer, callers.account_meant(customer, text)) for customer in callers.customers(text)]
        known = any(customer.code.casefold() == text.casefold() for customer, _account in found)
        enough = len(text) >= callers.SHORTEST and not known
        return self.framed(request, "claims/intake_customers.html", found=found, text=text, enough=enough)

    def contact_check_view(self, request):
        """The claim there is, the incident by the time, each order: before anything is saved."""
        self._may_enter(request)
        checked = Checked(ContactForm(request.POST, now=timezone.now()))
        return self.framed(request, "claims/intake_check.html", checked=checked)

    @staticmethod
    def _may_enter(request) -> None:
        if not request.user.has_perm("claims.add_contact"):
            raise PermissionDenied
