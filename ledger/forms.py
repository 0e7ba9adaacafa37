"""What people ask the books for: a day, a stretch of a statement, a period to close, a rate."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.utils.translation import gettext_lazy as _

from ledger.models import Asset, JournalEntry
from ledger.screens.statement import Asked, Place

BELOW = re.compile(r"(\d{4}-\d\d-\d\d)\.(\d{1,18})\.(\d{1,4})", re.ASCII)


def people():
    """Whoever may have posted: the staff, by name."""
    return get_user_model().objects.filter(is_staff=True).order_by("username")


class Day(forms.DateField):
    """A day, picked from a calendar or typed."""

    widget = forms.DateInput(attrs={"type": "date", "class": "mg-input"}, format="%Y-%m-%d")
    input_formats = ["%Y-%m-%d"]


class AsOfForm(forms.Form):
    """The end of a day; none: now."""

    as_of = Day(label=_("as of the end of"), required=False)

    @property
    def day(self) -> date | None:
        return self.cleaned_data.get("as_of") if self.is_valid() else None


class StatementForm(forms.Form):
    """A stretch of a statement, and which of its lines."""

    first = Day(label=_("from"), required=False)
    last = Day(label=_("to"), required=False)
    category = forms.ChoiceField(label=_("category"), required=False)
    person = forms.ModelChoiceField(None, label=_("posted by"), required=False, empty_label=_("everybody"))
    below = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [("", _("all")), *JournalEntry.Category.choices]
        self.fields["person"].queryset = people()
        for name in ("category", "person"):
            self.fields[name].widget.attrs["class"] = "mg-input"

    def clean_below(self) -> Place | None:
        """Where the page before this one ended, as its link says it; anything else is the beginning."""
        found = BELOW.fullmatch(self.cleaned_data["below"])
        try:
            return Place(date.fromisoformat(found[1]), int(found[2]), int(found[3])) if found else None
        except ValueError:
            return None

    @property
    def asked(self) -> Asked:
        """What is wrong is said at its field, and is not asked for."""
        self.is_valid()
        person = self.cleaned_data.pop("person", None)
        return Asked(**self.cleaned_data, person=person.pk if person else None)


class ProposalForm(forms.Form):
    """The last day of a period."""

    last_day = Day(label=_("close through"))


class RateForm(forms.Form):
    """What one unit of an asset was worth, when, and where an auditor can look it up."""

    asset = forms.ModelChoiceField(Asset.objects.all(), label=_("1 unit of"))
    in_asset = forms.ModelChoiceField(Asset.objects.all(), label=_("is worth, in"))
    rate = forms.DecimalField(label=_("rate"), max_digits=28, decimal_places=12)
    at = forms.DateTimeField(label=_("as of (UTC)"))
    source = forms.CharField(label=_("Where can an auditor look it up?"), max_length=200)

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["rate"].widget = forms.TextInput(attrs={"inputmode": "decimal"})
        self.fields["at"].widget.attrs["placeholder"] = "2022-11-16 14:30:00"
        for field in self.fields.values():
            field.widget.attrs |= {"class": "mg-input", "autocomplete": "off"}

    @property
    def facts(self) -> dict[str, Any]:
        """Of a valid form, as the verb takes them: assets by their code."""
        data = self.cleaned_data
        return data | {"asset": data["asset"].pk, "in_asset": data["in_asset"].pk}
