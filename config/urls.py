"""Where URLs begin."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("eventstore.api.health")),
    path("", include("eventstore.api.urls")),
    path("", include("orders.urls")),
    path("", include("ledger.urls")),
]
