"""What people decided, and what was granted: nothing here is ever rewritten."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from claims.models.fields import Amount, NotAmong, append_only


class Remedy(models.TextChoices):
    """What an include clause offers (S2)."""

    BEST_PRICE = "best_price", _("best price")
    RESTORE_ORDER = "restore_order", _("order restored")


class OfferQuerySet(models.QuerySet):
    def unanswered(self) -> OfferQuerySet:
        """Of the assessment that its claim stands on, and the customer has not said anything yet."""
        return self.filter(answer=Offer.Answer.WAITS, assessment=F("claim__assessment"))


class Offer(models.Model):
    """What a customer is asked to consent to: one assessment's amounts, until it expires; silence is not consent (S2)."""

    class Answer(models.TextChoices):
        WAITS = "", _("waits for the customer")
        ACCEPTED = "accepted", _("accepted")
        DECLINED = "declined", _("declined")
        EXPIRED = "expired", _("expired")

    LAPSED = (Answer.DECLINED, Answer.EXPIRED)  # another may be made on the same assessment

    claim = models.ForeignKey("claims.Claim", models.PROTECT, related_name="offers", verbose_name=_("claim"))
    assessment = models.ForeignKey("claims.Assessment", models.PROTECT, related_name="+", verbose_name=_("assessment"))
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("made by"))
    made_at = models.DateTimeField(_("made at"))
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    reminded_at = models.DateTimeField(_("reminded at"), null=True, blank=True)

    answer = models.CharField(_("answer"), max_length=8, choices=Answer, default=Answer.WAITS, blank=True)
    note = models.TextField(_("note"), blank=True, help_text=_("how the customer answered: ticket, call, letter"))
    answered_at = models.DateTimeField(
        _("answered at"), null=True, blank=True, help_text=_("or, without an answer, seen to have expired")
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("recorded by")
    )

    objects = OfferQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("offer"), _("offers")
        ordering = ["-made_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "assessment"],
                condition=Q(answer__in=["", "accepted"]),
                name="one_offer_per_claim_and_assessment",
            ),
            models.CheckConstraint(
                condition=Q(answer="", answered_at__isnull=True)
                | Q(answer="expired", answered_at__isnull=False, recorded_by__isnull=True)
                | ~Q(answer__in=["", "expired"])
                & Q(answered_at__isnull=False, recorded_by__isnull=False)
                & ~Q(note=""),
                name="offer_answer_is_recorded",
                violation_error_message=_("An answer needs its time, who recorded it, and how the customer gave it."),
            ),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True)
                | Q(expires_at__isnull=True)
                | Q(answered_at__lte=F("expires_at"))
                | Q(answer__in=["declined", "expired"]),
                name="offer_accepted_before_it_expires",
            ),
        ]
        indexes = [
            models.Index(fields=["expires_at"], name="offer_waiting", condition=Q(answer=""))
        ]  # asked every minute
        permissions = [("record_offer", "Can make an offer and record its answer")]
        triggers = [
            pgtrigger.Protect(
                name="answered_offer_is_frozen",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=~pgtrigger.Q(old__answer=""),
            )
        ]

    def __str__(self):
        return f"{self.get_answer_display()} {self.made_at:%Y-%m-%d %H:%M}"


class OfferLineQuerySet(models.QuerySet):
    def agreed_for_verdicts(self) -> OfferLineQuerySet:
        """Inside a query of verdicts: the accepted line for the same order, policy version and amounts, newest first."""
        same_if_restored = Q(verdict__restore_amount=OuterRef("restore_amount")) | Q(
            verdict__restore_amount__isnull=True
        )
        return self.filter(
            same_if_restored,
            offer__answer=Offer.Answer.ACCEPTED,
            offer__claim=OuterRef("claim"),
            verdict__order=OuterRef("order"),
            verdict__assessment__policy=OuterRef("assessment__policy"),
            verdict__amount=OuterRef("amount"),
        ).order_by("-pk")


class OfferLine(models.Model):
    """One order of an accepted offer: the remedy that was chosen, and what it pays. The choice is final."""

    offer = models.ForeignKey(Offer, models.PROTECT, related_name="lines", verbose_name=_("offer"))
    verdict = models.ForeignKey("claims.Verdict", models.PROTECT, related_name="+", verbose_name=_("verdict"))
    remedy = models.CharField(_("remedy"), max_length=13, choices=Remedy)
    amount = Amount(_("amount"))
    asset = models.CharField(_("asset"), max_length=23)

    objects = OfferLineQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("offer line"), _("offer lines")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["offer", "verdict"], name="one_choice_per_order"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="offer_line_positive"),
        ]
        triggers = append_only()

    def __str__(self):
        return f"{self.get_remedy_display()} {self.amount.normalize():f} {self.asset}"


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
    assessment = models.ForeignKey("claims.Assessment", models.PROTECT, related_name="+", verbose_name=_("assessment"))
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
    """What an order was granted: once, in one claim, and topped up there when a correction says more (rules §4).

    Parts are numbered: the first one is unique for an order whatever the number of claims and incidents that cover it, and the
    database lets only the same claim add to it.
    """

    order = models.ForeignKey(
        "incidents.Order", models.PROTECT, related_name="compensations", db_index=False, verbose_name=_("order")
    )
    number = models.PositiveSmallIntegerField(_("part"), default=1)
    award = models.ForeignKey(Award, models.PROTECT, related_name="compensations", verbose_name=_("award"))
    verdict = models.ForeignKey("claims.Verdict", models.PROTECT, related_name="+", verbose_name=_("verdict"))
    remedy = models.CharField(_("remedy"), max_length=13, choices=Remedy, default=Remedy.BEST_PRICE)
    amount = Amount(_("amount"))

    class Meta:
        verbose_name, verbose_name_plural = _("compensation"), _("compensations")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="order_compensated_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="compensation_positive"),
            models.CheckConstraint(condition=Q(number__gte=1), name="compensation_counts_from_1"),
        ]
        triggers = [
            *append_only(),
            pgtrigger.Trigger(
                name="topped_up_in_its_claim",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert,
                declare=[("mine", "bigint")],
                func="""
                    SELECT claim_id INTO mine FROM claims_award WHERE id = NEW.award_id;
                    IF NEW.number > 1 AND NOT EXISTS (
                        SELECT FROM claims_compensation c JOIN claims_award a ON a.id = c.award_id
                         WHERE c.order_id = NEW.order_id AND c.number = NEW.number - 1 AND a.claim_id = mine
                    ) THEN
                        RAISE EXCEPTION 'order % has no earlier compensation in this claim to add to', NEW.order_id
                            USING ERRCODE = 'integrity_constraint_violation';
                    END IF;
                    RETURN NEW;
                """,
            ),
        ]

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
