"""A customer's case: the claim, how they reached us, what they showed us."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.files.storage import storages
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat, Greatest, Length, LPad
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from claims.deadlines import Outage
from claims.models.fields import BitField

NUMBER = Cast("id", models.TextField())


def evidence_storage():
    return storages["evidence"]


class ClaimQuerySet(models.QuerySet):
    def open(self) -> ClaimQuerySet:
        """Still in somebody's hands: not approved, denied or withdrawn."""
        return self.filter(status__in=Claim.OPEN)

    def reassessable(self) -> ClaimQuerySet:
        """What a correction may reach: open claims, and approved ones, which are topped up (rules §4)."""
        return self.filter(status__in=(*Claim.OPEN, Claim.Status.APPROVED))

    def decidable(self) -> ClaimQuerySet:
        """Assessed, and not kept on hold by a person."""
        return self.filter(status__in=Claim.DECIDABLE, held_at__isnull=True)

    def on_the_clock(self) -> ClaimQuerySet:
        """Open, and not waiting for the customer: the time to decide runs."""
        return self.open().filter(asked_at__isnull=True)

    def overdue(self, now) -> ClaimQuerySet:
        return self.on_the_clock().filter(due_at__lt=now)

    def in_queue_order(self) -> ClaimQuerySet:
        """Oldest due first; without a due date last; then first come, first served."""
        return self.order_by(F("due_at").asc(nulls_last=True), "submitted_at", "id")

    def locked(self, *, skip_locked: bool = False) -> ClaimQuerySet:
        """Held until the transaction ends, against whoever would change them.

        Whoever only points at a claim (a letter, a payout's line) does not wait for the lock, and so never deadlocks with it.
        """
        return self.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)


class Claim(models.Model):
    """One customer's case in one incident. Only `claims.workflow` changes its status."""

    class Status(models.TextChoices):
        SUBMITTED = "submitted", _("to be assessed")
        NEEDS_EVIDENCE = "needs_evidence", _("needs evidence")
        ON_HOLD = "on_hold", _("on hold")
        ASSESSED = "assessed", _("ready to decide")
        APPROVED = "approved", _("approved")
        DENIED = "denied", _("denied")
        WITHDRAWN = "withdrawn", _("withdrawn")

    DECIDABLE = (Status.ASSESSED, Status.NEEDS_EVIDENCE, Status.ON_HOLD)
    OPEN = (Status.SUBMITTED, *DECIDABLE)

    reference = models.GeneratedField(
        expression=Concat(Value("CLM-"), LPad(NUMBER, Greatest(Length(NUMBER), 6), Value("0"))),
        output_field=models.CharField(max_length=24),
        db_persist=True,
        unique=True,
        verbose_name=_("reference"),
    )
    incident = models.ForeignKey(
        "incidents.Incident", models.PROTECT, related_name="claims", verbose_name=_("incident")
    )
    customer = models.ForeignKey(
        "incidents.Customer", models.PROTECT, related_name="claims", verbose_name=_("customer")
    )

    status = models.CharField(_("status"), max_length=14, choices=Status, default=Status.SUBMITTED)
    revision = models.PositiveIntegerField(
        _("revision"), default=0, help_text=_("counts the verbs; the compare-and-set looks at it")
    )
    assessment = models.ForeignKey(
        "claims.Assessment",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("assessment in force"),
    )

    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("entered by")
    )
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="claims",
        verbose_name=_("assigned to"),
    )
    team = models.ForeignKey(
        "claims.Team", models.PROTECT, null=True, blank=True, related_name="claims", verbose_name=_("team")
    )
    submitted_at = models.DateTimeField(_("submitted at"))
    due_at = models.DateTimeField(_("due at"), null=True, blank=True)
    asked_at = models.DateTimeField(
        _("customer asked at"), null=True, blank=True, help_text=_("the time to decide stands still until they answer")
    )
    held_at = models.DateTimeField(
        _("put on hold at"), null=True, blank=True, help_text=_("by a person: it is not decided until they release it")
    )
    warned_at = models.DateTimeField(_("warned at"), null=True, blank=True, help_text=_("that it is due soon"))
    escalated_at = models.DateTimeField(
        _("escalated at"), null=True, blank=True, help_text=_("to the managers: it is overdue")
    )

    objects = ClaimQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("claim"), _("claims")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["incident", "customer"],
                name="one_claim_per_customer_and_incident",
                violation_error_message=_("This customer already has a claim for this incident."),
            ),
        ]
        indexes = [
            # The queue: open claims by due time.
            models.Index(
                fields=["due_at", "submitted_at", "id"],
                name="claim_queue",
                condition=Q(status__in=["submitted", "needs_evidence", "on_hold", "assessed"]),
            ),
            # Its lanes, each in the same order: by status, by team, escalated, what is over; and all there are.
            models.Index(
                fields=["status", "due_at", "submitted_at", "id"],
                name="claim_queue_status",
                condition=Q(status__in=["submitted", "needs_evidence", "on_hold", "assessed"]),
            ),
            # Where a file may wait for a look: read in order until enough have one.
            models.Index(
                fields=["due_at", "submitted_at", "id"],
                name="claim_to_review",
                condition=Q(status__in=["needs_evidence", "on_hold"]),
            ),
            models.Index(
                fields=["team", "due_at", "submitted_at", "id"],
                name="claim_queue_team",
                condition=Q(status__in=["submitted", "needs_evidence", "on_hold", "assessed"], team__isnull=False),
            ),
            models.Index(
                fields=["due_at", "submitted_at", "id"],
                name="claim_escalated",
                condition=Q(
                    status__in=["submitted", "needs_evidence", "on_hold", "assessed"], escalated_at__isnull=False
                ),
            ),
            models.Index(
                fields=["due_at", "submitted_at", "id"],
                name="claim_closed",
                condition=Q(status__in=["approved", "denied", "withdrawn"]),
            ),
            models.Index(fields=["due_at", "submitted_at", "id"], name="claim_by_due"),
            models.Index(fields=["incident", "status", "id"], name="claim_by_incident_status"),
            # Each person's own part of the queue, and what waits for an answer.
            models.Index(
                fields=["assigned_to", "due_at", "submitted_at", "id"],
                name="claim_by_person",
                condition=Q(status__in=["submitted", "needs_evidence", "on_hold", "assessed"]),
            ),
            models.Index(
                fields=["due_at", "submitted_at", "id"],
                name="claim_asked",
                condition=Q(status__in=["submitted", "needs_evidence", "on_hold", "assessed"], asked_at__isnull=False),
            ),
        ]
        permissions = [
            ("assess_claim", "Can start an assessment"),
            ("approve_claim", "Can approve a claim"),
            ("deny_claim", "Can deny a claim"),
            ("grant_bonus", "Can grant goodwill bonuses"),
            ("export_claim", "Can export claims"),
            ("ask_customer", "Can ask the customer for evidence"),
            ("hold_claim", "Can put a claim on hold and take it off"),
            ("withdraw_claim", "Can record that a customer withdrew"),
            ("appeal_claim", "Can record an appeal"),
            ("assign_claim", "Can assign claims to people and teams"),
            ("import_claim", "Can import contacts"),
        ]

    def __str__(self):
        return self.reference

    def get_absolute_url(self):
        return reverse("admin:claims_claim_change", args=[self.pk])


class ContactQuerySet(models.QuerySet):
    def in_time(self, outage: Outage, within: timedelta | None) -> ContactQuerySet:
        """From the first start to the deadline, both inside (S1-E5): `Outage.in_time` as a condition."""
        contacts = self.filter(contacted_at__gte=outage.start)
        deadline = outage.deadline(within)
        return contacts.filter(contacted_at__lte=deadline) if deadline else contacts


class Contact(models.Model):
    """One time a customer reached us about the incident."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("e-mail")
        CHAT = "chat", _("chat")
        PHONE = "phone", _("phone")
        WEB = "web", _("web form")
        SOCIAL = "social", _("social media")
        OTHER = "other", _("other")

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="contacts", verbose_name=_("claim"), db_index=False)
    channel = models.CharField(_("channel"), max_length=10, choices=Channel)
    contacted_at = models.DateTimeField(_("contacted at"))
    account = models.CharField(_("account"), max_length=64, blank=True)
    order_ids = ArrayField(models.CharField(max_length=64), verbose_name=_("orders named"), default=list, blank=True)
    message = models.TextField(_("message"), blank=True)
    ticket = models.CharField(_("ticket"), max_length=64, blank=True)
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("entered by")
    )

    objects = ContactQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("contact"), _("contacts")
        ordering = ["contacted_at", "id"]
        constraints = [
            # The same helpdesk export twice adds nothing; also the index for "in touch in time".
            models.UniqueConstraint(
                fields=["claim", "contacted_at", "channel", "ticket"],
                name="contact_once",
                violation_error_message=_("This contact is already on the claim."),
            ),
        ]
        indexes = [models.Index(fields=["ticket"], name="contact_by_ticket", condition=~Q(ticket=""))]

    def __str__(self):
        return f"{self.get_channel_display()} {self.contacted_at:%Y-%m-%d %H:%M}"


class EvidenceQuerySet(models.QuerySet):
    def unreviewed(self) -> EvidenceQuerySet:
        return self.filter(status=Evidence.Status.RECEIVED)

    def accepted(self) -> EvidenceQuerySet:
        return self.filter(status=Evidence.Status.ACCEPTED)


class Evidence(models.Model):
    """A screenshot or a screen recording, kept as received, and what a reviewer said of it."""

    class Kind(models.TextChoices):
        SCREENSHOT = "screenshot", _("screenshot")
        RECORDING = "recording", _("screen recording")

    class Status(models.TextChoices):
        RECEIVED = "received", _("waits for review")
        ACCEPTED = "accepted", _("accepted")
        REJECTED = "rejected", _("rejected")

    class Ground(models.TextChoices):
        SHOWS_FAILURE = "shows_failure", _("shows the failure")
        SHOWS_ERROR = "shows_error", _("shows an error message of the exchange")
        NO_FAILURE = "no_failure", _("shows no failure")
        OTHER_TIME = "other_time", _("was taken at another time")
        OTHER_ACCOUNT = "other_account", _("shows another account or exchange")
        UNREADABLE = "unreadable", _("cannot be read")
        ALTERED = "altered", _("was altered")
        OTHER = "other", _("another reason, in words")

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="evidence", verbose_name=_("claim"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    name = models.CharField(_("file name"), max_length=255, help_text=_("as the customer called it"))
    content_type = models.CharField(_("type"), max_length=40, help_text=_("from the bytes, not the name"))
    size = models.PositiveBigIntegerField(_("size in bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)
    original = models.FileField(_("original"), storage=evidence_storage, max_length=200)
    preview = models.FileField(_("preview"), storage=evidence_storage, max_length=200, blank=True)
    device = models.CharField(_("device"), max_length=100, blank=True, help_text=_("as the file says"))
    look = BitField(
        _("look"), null=True, blank=True, help_text=_("256 bits of what it looks like: few differ between look-alikes")
    )
    seconds = models.DecimalField(_("length in seconds"), max_digits=9, decimal_places=3, null=True, blank=True)
    inspected_at = models.DateTimeField(
        _("inspected at"), null=True, blank=True, help_text=_("empty: a worker still looks at it")
    )
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)
    captured_at = models.DateTimeField(
        _("taken at"), null=True, blank=True, help_text=_("as the file says; editable by anyone")
    )
    findings = ArrayField(models.CharField(max_length=40), verbose_name=_("findings"), default=list, blank=True)

    status = models.CharField(_("status"), max_length=8, choices=Status, default=Status.RECEIVED)
    ground = models.CharField(_("ground"), max_length=20, choices=Ground, blank=True)
    reason = models.TextField(_("reason"), blank=True)
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("received by")
    )
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("reviewed by")
    )
    received_at = models.DateTimeField(_("received at"))
    reviewed_at = models.DateTimeField(_("reviewed at"), null=True, blank=True)

    objects = EvidenceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("evidence"), _("evidence")
        ordering = ["received_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "sha256"],
                name="evidence_once_per_claim",
                violation_error_message=_("This very file is already on the claim."),
            ),
            models.CheckConstraint(
                condition=Q(status="received", reviewed_at__isnull=True) | Q(reviewed_at__isnull=False) & ~Q(reason=""),
                name="evidence_review_has_instant_and_reason",
                violation_error_message=_("A review needs a reason."),
            ),
        ]
        indexes = [
            models.Index(fields=["sha256"], name="evidence_by_hash"),
            models.Index(fields=["claim"], name="evidence_unreviewed", condition=Q(status="received")),
        ]
        permissions = [("review_evidence", "Can accept or reject evidence")]

    def __str__(self):
        return f"{self.name} ({self.get_status_display()})"


class Frame(models.Model):
    """A picture out of a screen recording: the posters that a reviewer looks at first."""

    evidence = models.ForeignKey(Evidence, models.CASCADE, related_name="frames", db_index=False)
    at = models.DecimalField(_("seconds from the start"), max_digits=9, decimal_places=3)
    picture = models.FileField(_("picture"), storage=evidence_storage, max_length=200)

    class Meta:
        verbose_name, verbose_name_plural = _("frame"), _("frames")
        ordering = ["evidence", "at"]
        constraints = [models.UniqueConstraint(fields=["evidence", "at"], name="frame_once")]

    def __str__(self):
        return f"{self.at}"
