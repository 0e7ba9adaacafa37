"""What we computed and what people decided: nothing here is ever rewritten."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _


class Price(models.DecimalField):
    """A quote's number, as `incidents` keeps it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **(kwargs | {"max_digits": 28, "decimal_places": 12}))


class Amount(models.DecimalField):
    """Money of one asset; the asset stands beside it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **(kwargs | {"max_digits": 28, "decimal_places": 8}))


class NotAmong(Func):
    """``person <> ALL (people)``: four eyes, as the database says it."""

    arg_joiner = " <> ALL ("
    template = "(%(expressions)s))"
    output_field = models.BooleanField()


def append_only(*, until_finished: bool = False) -> list[pgtrigger.Trigger]:
    """Triggers that refuse UPDATE and DELETE, or only from the moment a run is finished."""
    condition = pgtrigger.Q(old__finished_at__isnull=False) if until_finished else None
    return [
        pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete, condition=condition),
        pgtrigger.Trigger(
            name="never_truncated",
            level=pgtrigger.Statement,
            when=pgtrigger.Before,
            operation=pgtrigger.Truncate,
            func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;",
        ),
    ]


class Assessment(models.Model):
    """One dated run of a policy version over a claim or a whole incident; immutable once finished (rules §4)."""

    incident = models.ForeignKey(
        "incidents.Incident", models.PROTECT, related_name="assessments", verbose_name=_("incident")
    )
    claim = models.ForeignKey(
        "claims.Claim",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="assessments",
        verbose_name=_("claim"),
        help_text=_("empty: the whole incident"),
    )
    waiting_only = models.BooleanField(
        _("only what waited"), default=False, help_text=_("only claims that waited to be assessed, not every open one")
    )
    policy = models.ForeignKey("claims.Policy", models.PROTECT, related_name="assessments", verbose_name=_("policy"))
    windows = models.JSONField(_("outage windows"), help_text=_("as they were for this run"))
    fingerprint = models.CharField(_("inputs' fingerprint"), max_length=64, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("requested by"),
    )
    requested_at = models.DateTimeField(_("requested at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    claims_assessed = models.PositiveIntegerField(_("claims"), default=0)
    outcomes = models.JSONField(_("outcomes"), default=dict)
    totals = models.JSONField(_("totals"), default=dict, help_text=_("per asset, what is payable"))

    class Meta:
        verbose_name, verbose_name_plural = _("assessment"), _("assessments")
        ordering = ["-requested_at", "-id"]
        triggers = append_only(until_finished=True)

    def __str__(self):
        return f"#{self.pk} {self.requested_at:%Y-%m-%d %H:%M}"


class ReferencePrice(models.Model):
    """The best quote for every order of one instrument and side that was opened in a span (rules §2).

    `opened` is a step of a stair: an order opened later in the outage can only look at later quotes. The first step is open
    to the past: whoever held a position before the outage had all of it.
    """

    assessment = models.ForeignKey(Assessment, models.PROTECT, related_name="reference_prices", db_index=False)
    instrument = models.ForeignKey(
        "incidents.Instrument", models.PROTECT, related_name="reference_prices", db_index=False
    )
    side = models.CharField(_("side"), max_length=5)
    opened = DateTimeRangeField(_("opened"), help_text=_("the start is outside, the end inside the step"))
    price = Price(_("price"))
    quote = models.ForeignKey("incidents.Quote", models.PROTECT, related_name="+", db_index=False)
    bid = Price(_("bid"))
    ask = Price(_("ask"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("reference price"), _("reference prices")
        ordering = ["instrument", "side", "opened"]
        constraints = [
            models.UniqueConstraint(fields=["assessment", "instrument", "side", "opened"], name="reference_price_once"),
        ]
        triggers = append_only()

    def __str__(self):
        return f"{self.side} {self.price.normalize():f}"


class VerdictQuerySet(models.QuerySet):
    def payable(self) -> VerdictQuerySet:
        return self.filter(outcome=Verdict.Outcome.PAY)

    def in_force(self) -> VerdictQuerySet:
        """Of each claim, the verdicts of the assessment it stands on now."""
        return self.filter(assessment=F("claim__assessment"))

    def owing(self) -> VerdictQuerySet:
        """In force, to pay, and nobody was awarded for the order yet."""
        return self.in_force().payable().filter(order__compensation__isnull=True)


class Verdict(models.Model):
    """The answer for one order: outcome, clause, every reason, the quote behind the price, the amount."""

    class Outcome(models.TextChoices):
        PAY = "pay", _("to pay")
        NIL = "nil", _("eligible, nothing to pay")
        EXCLUDED = "excluded", _("excluded")
        NO_CLAUSE = "no_clause", _("no clause matches")
        NEEDS_EVIDENCE = "needs_evidence", _("needs evidence")
        NEEDS_PRICE = "needs_price", _("price missing")
        HOLD = "hold", _("on hold")

    assessment = models.ForeignKey(
        Assessment, models.PROTECT, related_name="verdicts", db_index=False, verbose_name=_("assessment")
    )
    claim = models.ForeignKey(
        "claims.Claim", models.PROTECT, related_name="verdicts", db_index=False, verbose_name=_("claim")
    )
    order = models.ForeignKey("incidents.Order", models.PROTECT, related_name="verdicts", verbose_name=_("order"))
    outcome = models.CharField(_("outcome"), max_length=14, choices=Outcome)
    clause = models.CharField(_("clause"), max_length=20, blank=True)
    reasons = ArrayField(
        models.CharField(max_length=20), verbose_name=_("reasons"), help_text=_("exclusions that hold")
    )
    holds = ArrayField(models.CharField(max_length=20), verbose_name=_("clauses that hold"))
    flags = ArrayField(models.CharField(max_length=20), verbose_name=_("flags"))
    reference_price = Price(_("reference price"), null=True)
    reference_bid = Price(_("bid"), null=True)
    reference_ask = Price(_("ask"), null=True)
    reference_at = models.DateTimeField(_("quote at"), null=True)
    quote = models.ForeignKey(
        "incidents.Quote", models.PROTECT, null=True, related_name="+", db_index=False, verbose_name=_("quote")
    )
    amount = Amount(_("amount"), default=0)
    asset = models.CharField(_("asset"), max_length=23)

    objects = VerdictQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("verdict"), _("verdicts")
        ordering = ["assessment", "claim", "order"]
        constraints = [
            # Found by claim; one verdict per order and run (an order has one customer, a customer one claim an incident).
            models.UniqueConstraint(fields=["claim", "assessment", "order"], name="verdict_once_per_order"),
            models.CheckConstraint(
                condition=Q(outcome="pay", amount__gt=0) | ~Q(outcome="pay") & Q(amount=0),
                name="verdict_pays_a_positive_amount",
            ),
        ]
        permissions = [("export_verdict", "Can export verdicts")]
        triggers = append_only()

    def __str__(self):
        return f"{self.get_outcome_display()} {self.clause}".strip()


class Decision(models.Model):
    """What a person decided on a claim, on which assessment, and who had prepared it."""

    class Verb(models.TextChoices):
        ENDORSE = "endorse", _("approved, waits for a second manager")
        APPROVE = "approve", _("approved")
        DENY = "deny", _("denied")

    claim = models.ForeignKey("claims.Claim", models.PROTECT, related_name="decisions", verbose_name=_("claim"))
    verb = models.CharField(_("decision"), max_length=8, choices=Verb)
    revision = models.PositiveIntegerField(
        _("claim revision"), help_text=_("the claim as it was when this was decided")
    )
    assessment = models.ForeignKey(Assessment, models.PROTECT, related_name="+", verbose_name=_("assessment"))
    reason = models.TextField(_("reason"), blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("decided by")
    )
    decided_at = models.DateTimeField(_("decided at"))
    prepared_by = ArrayField(
        models.IntegerField(), verbose_name=_("prepared by"), help_text=_("users who may not decide")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("decision"), _("decisions")
        ordering = ["decided_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["claim", "revision"], name="one_decision_per_claim_revision"),
            models.CheckConstraint(
                condition=NotAmong(F("decided_by"), F("prepared_by")),
                name="who_prepared_does_not_decide",
                violation_error_message=_("Who prepared a claim does not decide on it."),
            ),
        ]
        triggers = append_only()

    def __str__(self):
        return f"{self.get_verb_display()} {self.decided_at:%Y-%m-%d %H:%M}"


class Award(models.Model):
    """What one approval granted in one asset, and the journal entry that owes it."""

    decision = models.ForeignKey(Decision, models.PROTECT, related_name="awards", verbose_name=_("decision"))
    claim = models.ForeignKey("claims.Claim", models.PROTECT, related_name="awards", verbose_name=_("claim"))
    amount = Amount(_("amount"))
    asset = models.CharField(_("asset"), max_length=23)
    entry = models.OneToOneField(
        "ledger.JournalEntry", models.PROTECT, related_name="award", verbose_name=_("journal entry")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("award"), _("awards")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["decision", "asset"], name="one_award_per_decision_and_asset"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="award_positive"),
        ]
        triggers = append_only()

    def __str__(self):
        return f"{self.amount.normalize():f} {self.asset}"


class Compensation(models.Model):
    """The one time an order is compensated, whatever the number of claims and incidents that cover it (rules §4)."""

    order = models.OneToOneField(
        "incidents.Order", models.PROTECT, related_name="compensation", verbose_name=_("order")
    )
    award = models.ForeignKey(Award, models.PROTECT, related_name="compensations", verbose_name=_("award"))
    verdict = models.ForeignKey(Verdict, models.PROTECT, related_name="+", verbose_name=_("verdict"))
    amount = Amount(_("amount"))

    class Meta:
        verbose_name, verbose_name_plural = _("compensation"), _("compensations")
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="compensation_positive")]
        triggers = append_only()

    def __str__(self):
        return f"{self.amount.normalize():f}"


class Bonus(models.Model):
    """The goodwill bonus: once per customer and incident (S1, extra compensation)."""

    claim = models.OneToOneField("claims.Claim", models.PROTECT, related_name="bonus", verbose_name=_("claim"))
    amount = Amount(_("amount"))
    asset = models.CharField(_("asset"), max_length=23)
    entry = models.OneToOneField(
        "ledger.JournalEntry", models.PROTECT, related_name="bonus", verbose_name=_("journal entry")
    )
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("granted by")
    )
    granted_at = models.DateTimeField(_("granted at"))

    class Meta:
        verbose_name, verbose_name_plural = _("goodwill bonus"), _("goodwill bonuses")
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(amount__gt=0), name="bonus_positive")]
        permissions = [("export_bonus", "Can export goodwill bonuses")]
        triggers = append_only()

    def __str__(self):
        return f"{self.amount.normalize():f} {self.asset}"
