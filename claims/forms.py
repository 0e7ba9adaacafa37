"""What people type or choose in the back office, checked."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from claims import terms
from claims.assessment import incidents
from claims.screens import drafts


def presets() -> list[tuple[str, object]]:
    return [("", _("none: the text below")), *((name, name) for name in terms.PRESETS)]


class IncidentForm(forms.Form):
    """What begins with an incident."""

    incident = forms.ModelChoiceField(
        incidents().none(), label=_("Incident"), to_field_name="reference", widget=UnfoldAdminSelectWidget
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["incident"].queryset = incidents()


class StartForm(IncidentForm):
    """Where the editor begins: whose policy, and from what."""

    start = forms.ChoiceField(label=_("Begin from"), choices=drafts.starts, widget=UnfoldAdminSelectWidget)


class PolicyForm(IncidentForm):
    """A new version of an incident's policy, from a preset or from a pasted TOML text."""

    preset = forms.ChoiceField(label=_("Preset"), choices=presets, required=False, widget=UnfoldAdminSelectWidget)
    text = forms.CharField(
        label=_("Policy file (TOML)"),
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 24, "class": "mg-code", "spellcheck": "false"}),
        help_text=_("Instead of a preset. Every error is named at once; nothing is published yet."),
    )
    reason = forms.CharField(
        label=_("Reason for this version"), required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    def clean(self) -> dict:
        data = super().clean() or {}
        if preset := data.get("preset"):
            if data.get("text", "").strip():
                self.add_error("text", _("Choose a preset or paste a text, not both."))
            data["text"] = terms.PRESETS[preset].read_text()
        if not data.get("text", "").strip():
            self.add_error("text", _("Choose a preset or paste a policy file."))
        elif not self.errors:
            self._read(data["text"])
        return data

    def _read(self, text: str) -> None:
        try:
            terms.read(text)
        except terms.TermsError as wrong:
            self.add_error("text", wrong.errors)
