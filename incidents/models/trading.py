"""Who trades, and what became of their positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from incidents.models.market import Instrument, Price, Side

if TYPE_CHECKING:
    from incidents.models.incidents import Incident


class Customer(models.Model):
    """Whom we make whole. One person, however many accounts."""

    code = models.CharField(_("customer"), max_length=64, unique=True)
    name = models.CharField(_("name"), max_length=200, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    language = models.CharField(_("language"), max_length=10, blank=True, help_text=_("en or zh, for letters"))

    class Meta:
        verbose_name, verbose_name_plural = _("customer"), _("customers")
        ordering = ["code"]
        indexes = [
            # Found as one types. Whom only orders name has neither e-mail nor name, and costs nothing here.
            models.Index(
                OpClass(Upper("email"), name="text_pattern_ops"), name="customer_by_email", condition=~Q(email="")
            ),
            GinIndex(SearchVector("name", config="simple"), name="customer_by_name", condition=~Q(name="")),
        ]

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


class Liquidation(models.Model):
    """A forced liquidation as the engine reports it: what fee the customer paid, what the fund covered (S3-3)."""

    liquidation_id = models.CharField(_("liquidation"), max_length=64, unique=True)
    instrument = models.ForeignKey(
        Instrument, models.PROTECT, related_name="liquidations", verbose_name=_("instrument")
    )
    account = models.CharField(_("account"), max_length=64, blank=True)
    side = models.CharField(
        _("side"), max_length=5, choices=Side, blank=True, help_text=_("of the position; empty: not told")
    )
    price = Price(_("price"))
    quantity = Price(_("quantity"), help_text=_("linear: in the base asset; inverse: in the coin"))
    fee = Price(_("fee"), help_text=_("as recorded, in the settlement asset"))
    bankruptcy_cover = Price(_("bankruptcy cover"), default=0, help_text=_("in the settlement asset"))
    surplus = Price(
        _("surplus"),
        default=0,
        help_text=_("what was left of the margin and went to the fund, in the settlement asset"),
    )
    liquidated_at = models.DateTimeField(_("liquidated at"))

    class Meta:
        verbose_name, verbose_name_plural = _("liquidation"), _("liquidations")
        ordering = ["liquidated_at", "liquidation_id"]
        constraints = [
            models.CheckConstraint(condition=Q(price__gt=0, quantity__gt=0), name="liquidation_has_price_and_quantity"),
            models.CheckConstraint(
                condition=Q(fee__gte=0, bankruptcy_cover__gte=0, surplus__gte=0), name="liquidation_not_negative"
            ),
            models.CheckConstraint(condition=Q(bankruptcy_cover=0) | Q(surplus=0), name="liquidation_left_or_lacked"),
        ]
        permissions = [
            ("import_liquidation", "Can import liquidations"),
            ("export_liquidation", "Can export liquidations"),
        ]

    def __str__(self):
        return self.liquidation_id
