"""Addresses of the ledger."""

from django.urls import path

from ledger.api import (
    AccountHoldsView,
    AccountsView,
    AccountView,
    BalanceView,
    CreditView,
    EntriesView,
    HoldsView,
    HoldView,
    PostHoldView,
    ReverseView,
    TransactionView,
    VoidHoldView,
    WithdrawView,
)

urlpatterns = [
    path("api/v1/ledger/accounts", AccountsView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>", AccountView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/credit", CreditView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/withdraw", WithdrawView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/balance", BalanceView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/entries", EntriesView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/holds", AccountHoldsView.as_view()),
    path("api/v1/ledger/transactions/<uuid:transaction_id>", TransactionView.as_view()),
    path("api/v1/ledger/transactions/<uuid:transaction_id>/reverse", ReverseView.as_view()),
    path("api/v1/ledger/holds", HoldsView.as_view()),
    path("api/v1/ledger/holds/<uuid:hold_id>", HoldView.as_view()),
    path("api/v1/ledger/holds/<uuid:hold_id>/post", PostHoldView.as_view()),
    path("api/v1/ledger/holds/<uuid:hold_id>/void", VoidHoldView.as_view()),
]
