"""Every change of a claim's status, of money and of history: one verb each, one transaction, compare-and-set.

A verb that may not be done now raises `gate.Refused`. The time is taken at the door and passed in.
"""

from claims.workflow.assessing import (
    SLICE,
    assess_now,
    assess_part,
    assess_slice,
    claims_of,
    finish_assessment,
    pause_assessment,
    queue_assessment,
    queue_forgotten,
    reopen,
    request_assessment,
    resume_assessment,
)
from claims.workflow.assigning import assign, forget_who_left, keep_filter, look_at, take_next
from claims.workflow.clocks import Alarms, warn_and_escalate
from claims.workflow.confirming import (
    confirm_payout,
    confirm_payout_as_seen,
    confirmed_figures,
)
from claims.workflow.deciding import Approvals, approve, approve_all, by_asset, deny, payable_claims
from claims.workflow.goodwill import grant_bonuses
from claims.workflow.letters import change_words, mark_sent, may_go_again, queue_letters, send_again
from claims.workflow.offering import (
    answer_offer,
    expire_offers,
    make_offer,
    offers_to_remind,
    remind_of_offers,
    to_offer,
)
from claims.workflow.paying import cancel_payout, propose_payout, release_payout, set_payout_limit
from claims.workflow.policies import draft_policy, publish_policy, revise_draft
from claims.workflow.previewing import keep_preview, rehearse, request_preview
from claims.workflow.pricing import confirm_price, enter_price, withdraw_price
from claims.workflow.returning import return_payment
from claims.workflow.reviewing import review_evidence
from claims.workflow.stepping import (
    answered,
    appeal,
    ask_customer,
    put_on_hold,
    record_answer,
    release,
    withdraw,
)
from claims.workflow.straight_through import straight_through_part

__all__ = [
    "assign",
    "forget_who_left",
    "keep_filter",
    "look_at",
    "take_next",
    "send_again",
    "queue_letters",
    "may_go_again",
    "mark_sent",
    "change_words",
    "set_payout_limit",
    "release_payout",
    "propose_payout",
    "confirmed_figures",
    "confirm_payout_as_seen",
    "confirm_payout",
    "cancel_payout",
    "Alarms",
    "Approvals",
    "SLICE",
    "answer_offer",
    "answered",
    "appeal",
    "approve",
    "approve_all",
    "ask_customer",
    "assess_now",
    "assess_part",
    "assess_slice",
    "by_asset",
    "claims_of",
    "confirm_price",
    "deny",
    "draft_policy",
    "enter_price",
    "expire_offers",
    "finish_assessment",
    "grant_bonuses",
    "keep_preview",
    "make_offer",
    "offers_to_remind",
    "pause_assessment",
    "payable_claims",
    "publish_policy",
    "put_on_hold",
    "queue_assessment",
    "queue_forgotten",
    "record_answer",
    "rehearse",
    "release",
    "remind_of_offers",
    "reopen",
    "request_assessment",
    "request_preview",
    "resume_assessment",
    "return_payment",
    "review_evidence",
    "revise_draft",
    "straight_through_part",
    "to_offer",
    "warn_and_escalate",
    "withdraw",
    "withdraw_price",
]
