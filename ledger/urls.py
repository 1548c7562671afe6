"""Addresses of the ledger."""

from django.urls import path

from ledger.api import AccountsView, AccountView, BalanceView, CreditView, EntriesView, TransactionView, WithdrawView

urlpatterns = [
    path("api/v1/ledger/accounts", AccountsView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>", AccountView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/credit", CreditView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/withdraw", WithdrawView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/balance", BalanceView.as_view()),
    path("api/v1/ledger/accounts/<uuid:account_id>/entries", EntriesView.as_view()),
    path("api/v1/ledger/transactions/<uuid:transaction_id>", TransactionView.as_view()),
]
