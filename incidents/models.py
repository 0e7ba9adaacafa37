"""WHAT HAPPENED: incidents and their outage windows, and the exchange's own facts about that time.

Facts are imported, never typed: see `incidents.imports`. Corrections overwrite a row and leave the old one in its event table.
"""

from __future__ import annotations

import pghistory
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

ASSET_CODE = RegexValidator(r"^[A-Z0-9]{1,23}\Z", _("An asset is written in capital letters and digits, such as USDT."))
REFERENCE = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z", _("Letters, digits, dot, dash and underscore, 40 at most.")
)


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


class Customer(models.Model):
    """Whom we make whole. One person, however many accounts."""

    code = models.CharField(_("customer"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True, help_text=_("en or zh, for letters"))

    class Meta:
        verbose_name, verbose_name_plural = _("customer"), _("customers")
        ordering = ["code"]

    def __str__(self):
        return f"{self.code} {self.name}".strip()


class Account(models.Model):
    """A trading account of a customer."""

    code = models.CharField(_("account"), max_length=64, unique=True)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="accounts", verbose_name=_("customer"))

    class Meta:
        verbose_name, verbose_name_plural = _("account"), _("accounts")
        ordering = ["code"]

    def __str__(self):
        return self.code


class OrderQuerySet(models.QuerySet):
    def affected_by(self, incident: Incident) -> OrderQuerySet:
        """Orders in what the incident broke."""
        if not (incident.instruments or incident.products):
            return self
        return self.filter(instrument__in=Instrument.objects.affected_by(incident))


@pghistory.track(pghistory.UpdateEvent("corrected", row=pghistory.Old), model_name="OrderEvent")
class Order(models.Model):
    """One closing leg of a position, as the trading engine exports it (rules §1)."""

    class CloseReason(models.TextChoices):
        USER = "user", _("closed by the customer")
        LIQUIDATION = "liquidation", _("forced liquidation")
        TAKE_PROFIT = "take_profit", _("take profit")
        STOP_LOSS = "stop_loss", _("stop loss")
        ADL = "adl", _("auto-deleveraging")
        SETTLEMENT = "settlement", _("settlement")

    order_id = models.CharField(_("order"), max_length=64)
    leg = models.CharField(_("leg"), max_length=20, default="1")
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders", verbose_name=_("customer"))
    account = models.ForeignKey(Account, models.PROTECT, related_name="orders", verbose_name=_("account"))
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="orders", verbose_name=_("instrument"))

    side = models.CharField(_("side"), max_length=5, choices=Side, help_text=_("of the position"))
    quantity = Price(_("quantity"), help_text=_("linear: in the base asset; inverse: contracts"))
    entry_price = Price(_("entry price"))
    opened_at = models.DateTimeField(_("opened at"))
    exit_price = Price(_("exit price"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)
    close_reason = models.CharField(_("close reason"), max_length=12, choices=CloseReason, blank=True)

    take_profit = Price(_("take profit"), null=True, blank=True)
    stop_loss = Price(_("stop loss"), null=True, blank=True)
    tpsl_set_at = models.DateTimeField(_("TP/SL set at"), null=True, blank=True)
    tpsl_cancelled_at = models.DateTimeField(_("TP/SL cancelled at"), null=True, blank=True)

    realized_pnl = Price(_("realised PnL"), null=True, blank=True)
    liquidation_fee = Price(_("liquidation fee"), default=0)
    bankruptcy_cover = Price(_("bankruptcy cover"), default=0, help_text=_("already paid by the fund"))

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("order"), _("orders")
        ordering = ["opened_at", "order_id", "leg"]
        constraints = [
            models.UniqueConstraint(fields=["order_id", "leg"], name="order_leg_once"),
            models.CheckConstraint(condition=Q(quantity__gt=0), name="order_quantity_positive"),
            models.CheckConstraint(condition=Q(entry_price__gt=0), name="order_entry_price_positive"),
            models.CheckConstraint(
                condition=Q(exit_price__isnull=True, closed_at__isnull=True, close_reason="")
                | Q(exit_price__gt=0, closed_at__isnull=False) & ~Q(close_reason=""),
                name="order_is_open_or_closed",
                violation_error_message=_(
                    "A closed order has an exit price, a time and a reason; an open one has none of them."
                ),
            ),
            models.CheckConstraint(condition=Q(closed_at__gte=F("opened_at")), name="order_closes_after_it_opens"),
            models.CheckConstraint(condition=Q(liquidation_fee__gte=0), name="order_liquidation_fee_not_negative"),
            models.CheckConstraint(condition=Q(bankruptcy_cover__gte=0), name="order_bankruptcy_cover_not_negative"),
        ]

    def __str__(self):
        return f"{self.order_id}/{self.leg}"


class QuoteQuerySet(models.QuerySet):
    def usable(self) -> QuoteQuerySet:
        """What may price an order: positive and not crossed (rules §1). The rest is kept and counted."""
        return self.filter(bid__gt=0, ask__gt=0, bid__lte=F("ask"))

    def unusable(self) -> QuoteQuerySet:
        return self.exclude(bid__gt=0, ask__gt=0, bid__lte=F("ask"))


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


class ImportedFile(models.Model):
    """A file whose facts we took in: its name, its SHA-256 and what became of its rows."""

    kind = models.CharField(_("kind"), max_length=20)
    name = models.CharField(_("name"), max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64)
    imported_at = models.DateTimeField(_("imported at"))
    summary = models.JSONField(_("summary"))

    class Meta:
        verbose_name, verbose_name_plural = _("imported file"), _("imported files")
        ordering = ["-imported_at", "-id"]
        indexes = [models.Index(fields=["sha256"], name="imported_file_by_hash")]

    def __str__(self):
        return f"{self.name} ({self.kind})"


class IncidentQuerySet(models.QuerySet):
    def published(self) -> IncidentQuerySet:
        return self.filter(status=Incident.Status.PUBLISHED)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), model_name="IncidentEvent")
class Incident(models.Model):
    """One disruption, with its outage windows."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    reference = models.CharField(_("reference"), max_length=40, unique=True, validators=[REFERENCE])
    title = models.CharField(_("title"), max_length=200)
    cause = models.TextField(_("cause"), blank=True)
    timezone = models.CharField(
        _("time zone"), max_length=60, default="UTC", help_text=_("for display only, such as Asia/Shanghai")
    )
    services = ArrayField(models.CharField(max_length=60), verbose_name=_("services"), default=list, blank=True)
    products = ArrayField(
        models.CharField(max_length=40), verbose_name=_("products"), default=list, blank=True, help_text=_("empty: all")
    )
    instruments = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("instruments"),
        default=list,
        blank=True,
        help_text=_("empty: all"),
    )
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.DRAFT)
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("declared by")
    )
    declared_at = models.DateTimeField(_("declared at"))
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("incident"), _("incidents")
        ordering = ["-declared_at", "-id"]
        permissions = [
            ("publish_incident", "Can declare and publish an incident"),
            ("export_incident", "Can export incidents"),
        ]

    def __str__(self):
        return f"{self.reference} {self.title}"

    def get_absolute_url(self):
        return reverse("admin:incidents_incident_change", args=[self.pk])


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), model_name="OutageWindowEvent"
)
class OutageWindow(models.Model):
    """When it was broken: both ends belong to the outage. An empty end: it lasts."""

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="windows", verbose_name=_("incident"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("outage window"), _("outage windows")
        ordering = ["starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "starts_at"], name="outage_window_once"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="outage_window_ends_after_it_starts",
                violation_error_message=_("An outage window ends after it starts."),
            ),
        ]

    def __str__(self):
        return (
            f"{self.starts_at:%Y-%m-%d %H:%M:%S} – {self.ends_at:%Y-%m-%d %H:%M:%S}"
            if self.ends_at
            else f"{self.starts_at} –"
        )
