"""Signing in and out, one's own account, and passwords. The admin's own addresses lead to the same doors."""

from django.urls import path

from portal.people import pages

urlpatterns = [
    path("sign-in", pages.SignIn.as_view(), name="sign-in"),
    path("sign-out", pages.SignOut.as_view(), name="sign-out"),
    path("account", pages.account, name="account"),
    path("account/tokens", pages.issue_token, name="account-tokens"),
    path("account/tokens/<int:pk>/revoke", pages.revoke_token, name="account-token-revoke"),
    path("account/password", pages.ChangePassword.as_view(), name="account-password"),
    path("password/<uidb64>/<token>", pages.SetPassword.as_view(), name="set-password"),
    path("admin/login/", pages.SignIn.as_view(next_page="/admin/")),
    path("admin/logout/", pages.SignOut.as_view()),
    path("admin/password_change/", pages.ChangePassword.as_view()),
]
