"""What we computed: runs of a policy, the prices they stood on, a verdict for each order. Never rewritten."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Case, Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from claims.models.decisions import Compensation, OfferLine, Remedy
from claims.models.fields import Amount, Price, append_only

ZERO = Value(Decimal(0), Amount())
NEEDS_CONSENT = Q(assessment__policy__document__payment__consent=True)
# Of verdicts `with_owed`: what an approval would add to, and what the customer has to be asked about first.
GRANTABLE = (Q(outcome="pay") | Q(outcome="nil", restore_amount__gt=0)) & Q(elsewhere=False)
IS_OWED = GRANTABLE & Q(owed__gt=0)
AWAITS_CONSENT = (
    GRANTABLE & NEEDS_CONSENT & Q(parts=0, granted__isnull=True) & (Q(amount__gt=0) | Q(restore_amount__gt=0))
)


def _true_of(fact: Q) -> Case:
    return Case(When(fact, then=Value(True)), default=Value(False), output_field=models.BooleanField())


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
        return f"#{self.pk} {self.requested_at:%Y-%m-%d %H:%M} UTC"


class GivenPriceQuerySet(models.QuerySet):
    def standing(self) -> GivenPriceQuerySet:
        return self.filter(withdrawn_at__isnull=True)

    def confirmed(self) -> GivenPriceQuerySet:
        """By a second person, and not withdrawn: these price orders."""
        return self.standing().filter(confirmed_at__isnull=False)


class GivenPrice(models.Model):
    """A price where no quote is usable: entered by one manager with its source, confirmed by another (rules §2)."""

    incident = models.ForeignKey(
        "incidents.Incident", models.PROTECT, related_name="given_prices", verbose_name=_("incident")
    )
    instrument = models.ForeignKey(
        "incidents.Instrument", models.PROTECT, related_name="given_prices", verbose_name=_("instrument")
    )
    bid = Price(_("bid"))
    ask = Price(_("ask"))
    at = models.DateTimeField(_("at"), help_text=_("when this price was to be had"))
    source = models.TextField(_("source"), help_text=_("where it comes from, so that another person can look it up"))
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("entered by")
    )
    entered_at = models.DateTimeField(_("entered at"))
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("confirmed by"),
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("withdrawn by"),
    )
    withdrawn_at = models.DateTimeField(_("withdrawn at"), null=True, blank=True)

    objects = GivenPriceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("price by hand"), _("prices by hand")
        ordering = ["-entered_at", "-id"]
        constraints = [
            # One price at most that stands or waits to be confirmed.
            models.UniqueConstraint(
                fields=["incident", "instrument"],
                condition=Q(withdrawn_at__isnull=True),
                name="one_given_price_per_incident_and_instrument",
                violation_error_message=_("There is a price by hand for this instrument already; withdraw it first."),
            ),
            models.CheckConstraint(
                condition=Q(bid__gt=0, ask__gte=F("bid")),
                name="given_price_is_sound",
                violation_error_message=_("A bid is more than 0, and an ask is not below the bid."),
            ),
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True, confirmed_at__isnull=True)
                | Q(confirmed_by__isnull=False, confirmed_at__isnull=False) & ~Q(confirmed_by=F("entered_by")),
                name="given_price_needs_two_people",
                violation_error_message=_("Who entered a price does not confirm it."),
            ),
            models.CheckConstraint(condition=~Q(source=""), name="given_price_has_a_source"),
        ]
        permissions = [
            ("enter_price", "Can enter a price by hand"),
            ("confirm_price", "Can confirm a price by hand"),
        ]

    def __str__(self):
        return f"{self.bid.normalize():f}/{self.ask.normalize():f}"


class ReferencePrice(models.Model):
    """The best quote for every order of one instrument and side that was opened in a span (rules §2).

    `opened` is a step of a stair: an order opened later in the outage can only look at later quotes. The first step is open
    to the past: whoever held a position before the outage had all of it. A still-open order is valued by the one row of its
    instrument and side that is for valuation: the last usable quote before the check (S2).
    """

    class Use(models.TextChoices):
        REFERENCE = "reference", _("reference price")
        VALUATION = "valuation", _("value of a still-open order")

    assessment = models.ForeignKey(Assessment, models.PROTECT, related_name="reference_prices", db_index=False)
    instrument = models.ForeignKey(
        "incidents.Instrument", models.PROTECT, related_name="reference_prices", db_index=False
    )
    use = models.CharField(_("use"), max_length=9, choices=Use, default=Use.REFERENCE)
    side = models.CharField(_("side"), max_length=5)
    opened = DateTimeRangeField(_("opened"), help_text=_("the start is outside, the end inside the step"))
    price = Price(_("price"))
    quote = models.ForeignKey("incidents.Quote", models.PROTECT, null=True, related_name="+", db_index=False)
    given = models.ForeignKey(
        GivenPrice, models.PROTECT, null=True, related_name="+", help_text=_("where no quote prices an order")
    )
    bid = Price(_("bid"))
    ask = Price(_("ask"))
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("reference price"), _("reference prices")
        ordering = ["instrument", "side", "opened"]
        constraints = [
            models.UniqueConstraint(
                fields=["assessment", "instrument", "use", "side", "opened"], name="reference_price_once"
            ),
            models.CheckConstraint(
                condition=Q(quote__isnull=False, given__isnull=True) | Q(quote__isnull=True, given__isnull=False),
                name="reference_price_is_quoted_or_given",
            ),
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

    def as_listed(self) -> VerdictQuerySet:
        """In the order in which people read a claim's orders."""
        return self.order_by("order__opened_at", "order__order_id", "order__leg")

    def waiting(self) -> VerdictQuerySet:
        """In force, and not answered yet: for want of evidence, of a price or of the outage's end."""
        return self.in_force().filter(outcome__in=Verdict.WAITING)

    def with_owed(self) -> VerdictQuerySet:
        """Each with `granted` (what it says, or what the customer agreed to), `had`, `parts`, `owed` and `remedy` (rules §4).

        Where the policy asks for consent, the first grant needs an accepted offer of this policy version and these very amounts;
        without one `granted` is NULL. The choice is final: a restored order stays restored. `elsewhere`: compensated in another
        claim.
        """
        parts = Compensation.objects.filter(order=OuterRef("order"))
        agreed = OfferLine.objects.agreed_for_verdicts()
        total = parts.order_by().values("order").annotate(sum=Sum("amount")).values("sum")
        last = parts.order_by("-number")
        return (
            self.annotate(
                had=Coalesce(Subquery(total), ZERO),
                parts=Coalesce(Subquery(last.values("number")[:1]), Value(0)),
                elsewhere=Exists(parts.exclude(award__claim=OuterRef("claim"))),
                remedy=Coalesce(
                    Subquery(last.values("remedy")[:1]),
                    Subquery(agreed.values("remedy")[:1]),
                    Value(Remedy.BEST_PRICE.value),
                ),
            )
            .annotate(
                granted=Case(
                    When(remedy=Remedy.RESTORE_ORDER, parts__gt=0, then=F("restore_amount")),
                    When(NEEDS_CONSENT, parts=0, then=Subquery(agreed.values("amount")[:1])),
                    default=F("amount"),
                    output_field=Amount(),
                )
            )
            .annotate(owed=ExpressionWrapper(F("granted") - F("had"), Amount()))
        )

    def owing(self) -> VerdictQuerySet:
        """In force, and granted less than it says: `owed` is what an approval would add. Never less than what was granted."""
        return self.in_force().with_owed().filter(IS_OWED)

    def to_offer(self) -> VerdictQuerySet:
        """In force, needing a consent that is not given yet: not granted, and something to choose."""
        return self.in_force().with_owed().filter(AWAITS_CONSENT)

    def explained(self) -> VerdictQuerySet:
        """Each with what is owed, and the answers of `owing` and `to_offer` beside it: `is_owed`, `awaits_consent`."""
        return self.with_owed().annotate(is_owed=_true_of(IS_OWED), awaits_consent=_true_of(AWAITS_CONSENT))


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

    WAITING = (Outcome.NEEDS_EVIDENCE, Outcome.NEEDS_PRICE, Outcome.HOLD)

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
    valued_price = Price(_("value of a still-open order"), null=True)
    valued_at = models.DateTimeField(_("valued at"), null=True)
    amount = Amount(_("amount"), default=0)
    restore_amount = Amount(
        _("amount if restored"), null=True, help_text=_("where the customer may choose to have the order restored")
    )
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
        # A run's rows were written together: a few kilobytes find them, and inserting costs next to nothing.
        indexes = [BrinIndex(fields=["assessment"], name="verdict_by_run", autosummarize=True)]
        permissions = [("export_verdict", "Can export verdicts")]
        triggers = append_only()

    def __str__(self):
        return f"{self.get_outcome_display()} {self.clause}".strip()
