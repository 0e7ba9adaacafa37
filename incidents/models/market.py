"""What is traded and what it was quoted at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from datetime import datetime

    from incidents.models.incidents import Incident

ASSET_CODE = RegexValidator(r"^[A-Z0-9]{1,23}\Z", _("An asset is written in capital letters and digits, such as USDT."))


class Price(models.DecimalField):
    """A price or quantity as the exchange wrote it: up to 28 digits, 12 of them after the point."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **(kwargs | {"max_digits": 28, "decimal_places": 12}))


class Side(models.TextChoices):
    LONG = "long", _("long")
    SHORT = "short", _("short")


class Asset(models.Model):
    """What amounts are counted in, with the decimals that customers are paid in (rules §1: USDT 2, coins 8)."""

    code = models.CharField(_("code"), max_length=23, primary_key=True, validators=[ASSET_CODE])
    decimals = models.PositiveSmallIntegerField(_("decimals"), default=8)

    class Meta:
        verbose_name, verbose_name_plural = _("asset"), _("assets")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]{1,23}$"), name="asset_code_is_plain"),
            models.CheckConstraint(condition=Q(decimals__lte=8), name="asset_decimals_at_most_8"),
        ]

    def __str__(self):
        return self.code


class InstrumentQuerySet(models.QuerySet):
    def affected_by(self, incident: Incident) -> InstrumentQuerySet:
        """What the incident broke: its instruments and products, or all of them."""
        instruments = self
        if incident.instruments:
            instruments = instruments.filter(symbol__in=incident.instruments)
        if incident.products:
            instruments = instruments.filter(product__in=incident.products)
        return instruments


class Instrument(models.Model):
    """A contract that customers trade, such as BTCUSDT."""

    class Margin(models.TextChoices):
        LINEAR = "linear", _("linear")
        INVERSE = "inverse", _("inverse")

    symbol = models.CharField(_("symbol"), max_length=40, unique=True)
    product = models.CharField(_("product"), max_length=40, default="standard")
    margin = models.CharField(_("margin"), max_length=7, choices=Margin)
    base = models.ForeignKey(Asset, models.PROTECT, related_name="+", verbose_name=_("base asset"))
    quote = models.ForeignKey(Asset, models.PROTECT, related_name="+", verbose_name=_("quote asset"))
    settle = models.ForeignKey(Asset, models.PROTECT, related_name="instruments", verbose_name=_("settlement asset"))
    contract_value = Price(_("contract value"), default=1, help_text=_("Inverse: US dollars a contract; linear: 1."))
    liquidation_fee_rate = Price(_("liquidation fee rate"), default=0)

    objects = InstrumentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("instrument"), _("instruments")
        ordering = ["symbol"]
        constraints = [
            models.CheckConstraint(condition=Q(contract_value__gt=0), name="instrument_contract_value_positive"),
            models.CheckConstraint(
                condition=Q(liquidation_fee_rate__gte=0, liquidation_fee_rate__lt=1),
                name="instrument_fee_rate_is_a_share",
            ),
            models.CheckConstraint(
                condition=Q(margin="linear", settle=F("quote")) | Q(margin="inverse", settle=F("base")),
                name="instrument_settles_in_its_margin",
                violation_error_message=_(
                    "A linear instrument settles in its quote asset, an inverse one in its base asset."
                ),
            ),
        ]

    def __str__(self):
        return self.symbol


class AbnormalRange(models.Model):
    """A stretch of an instrument's quotes that a manager marked abnormal: kept, counted, and pricing nothing (S2)."""

    instrument = models.ForeignKey(
        Instrument, models.PROTECT, related_name="abnormal_ranges", verbose_name=_("instrument")
    )
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"), help_text=_("both ends belong to the range"))
    reason = models.TextField(_("reason"))
    marked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("marked by")
    )
    marked_at = models.DateTimeField(_("marked at"))

    class Meta:
        verbose_name, verbose_name_plural = _("abnormal range"), _("abnormal ranges")
        ordering = ["instrument", "starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["instrument", "starts_at", "ends_at"], name="abnormal_range_once"),
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("starts_at")),
                name="abnormal_range_ends_after_it_starts",
                violation_error_message=_("A range ends after it starts."),
            ),
            models.CheckConstraint(
                condition=~Q(reason=""),
                name="abnormal_range_has_a_reason",
                violation_error_message=_("Say why these quotes are abnormal."),
            ),
        ]
        permissions = [("mark_abnormal", "Can mark quotes as abnormal")]

    def __str__(self):
        return f"{self.instrument} {self.starts_at:%Y-%m-%d %H:%M:%S} – {self.ends_at:%Y-%m-%d %H:%M:%S}"


class QuoteQuerySet(models.QuerySet):
    def usable(self) -> QuoteQuerySet:
        """What may price an order: positive, not crossed, in no abnormal range (rules §1). The rest is kept and counted."""
        return self.sound().exclude(Exists(self._ranges()))

    def sound(self) -> QuoteQuerySet:
        """Positive and not crossed."""
        return self.filter(bid__gt=0, ask__gt=0, bid__lte=F("ask"))

    def unsound(self) -> QuoteQuerySet:
        return self.exclude(bid__gt=0, ask__gt=0, bid__lte=F("ask"))

    def abnormal(self) -> QuoteQuerySet:
        """Sound, but in a range that a manager marked."""
        return self.sound().filter(Exists(self._ranges()))

    @staticmethod
    def _ranges() -> models.QuerySet:
        return AbnormalRange.objects.filter(
            instrument=OuterRef("instrument"), starts_at__lte=OuterRef("at"), ends_at__gte=OuterRef("at")
        )


class Quote(models.Model):
    """Best bid and ask from one instant until the next quote."""

    instrument = models.ForeignKey(
        Instrument, models.PROTECT, related_name="quotes", verbose_name=_("instrument"), db_index=False
    )
    at = models.DateTimeField(_("at"))
    bid = Price(_("bid"))
    ask = Price(_("ask"))

    objects = QuoteQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("quote"), _("quotes")
        ordering = ["at", "id"]
        constraints = [
            # The same file twice adds nothing; it is also the index that every price is found by.
            models.UniqueConstraint(fields=["instrument", "at", "bid", "ask"], name="quote_once"),
        ]

    def __str__(self):
        return f"{self.at:%Y-%m-%d %H:%M:%S.%f} {self.bid.normalize():f}/{self.ask.normalize():f}"


class LiquidationRatioQuerySet(models.QuerySet["LiquidationRatio"]):
    def in_force(self, at: datetime) -> LiquidationRatio | None:
        """The ratio that accounts were stopped out by at an instant; none before the first that we know."""
        return self.filter(effective_at__lte=at).order_by("-effective_at").first()


class LiquidationRatio(models.Model):
    """From when on accounts are stopped out at which share of their used margin (S3-1: 20 %, 30 %, 40 %)."""

    effective_at = models.DateTimeField(_("in force from"), unique=True)
    ratio = models.DecimalField(_("ratio"), max_digits=7, decimal_places=6)
    source = models.TextField(_("source"), blank=True)

    objects = LiquidationRatioQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("liquidation ratio"), _("liquidation ratios")
        ordering = ["-effective_at"]
        constraints = [
            models.CheckConstraint(condition=Q(ratio__gt=0, ratio__lte=1), name="liquidation_ratio_is_a_share"),
        ]

    def __str__(self):
        return f"{self.ratio.normalize():f} ({self.effective_at:%Y-%m-%d})"
