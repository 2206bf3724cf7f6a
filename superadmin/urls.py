"""Routes of the super admin's pages; the admin's lists stand beside them."""

from django.urls import path

from superadmin.pages import (
    account_admins,
    account_credits,
    account_detail,
    account_llms,
    audit,
    llm_detail,
    new_account,
    new_llm,
    overview,
    super_admins,
)

app_name = "platform"
_ACCOUNT = "accounts/<slug:slug>/"
_LLM = "llms/<uuid:llm_id>/"

urlpatterns = [
    path("", overview.overview_page, name="overview"),
    path("audit/", audit.platform_audit, name="audit"),
    path("audit/export.csv", audit.platform_audit_csv, name="audit-csv"),
    path("audit/export.jsonl", audit.platform_audit_jsonl, name="audit-jsonl"),
    path("audit/kinds/", audit.platform_audit_kinds, name="audit-kinds"),
    # A new account, before the short names: "new" cannot be one of them.
    path("accounts/new/", new_account.new_account, name="account-new"),
    path("accounts/new/slug/", new_account.check_slug, name="account-new-slug"),
    path("accounts/new/review/", new_account.review, name="account-new-review"),
    path(_ACCOUNT, account_detail.summary, name="account"),
    path(f"{_ACCOUNT}rename/", account_detail.rename, name="account-rename"),
    path(f"{_ACCOUNT}suspend/", account_detail.suspend, name="account-suspend"),
    path(f"{_ACCOUNT}restore/", account_detail.restore, name="account-restore"),
    path(f"{_ACCOUNT}archive/", account_detail.archive, name="account-archive"),
    path(f"{_ACCOUNT}audit/", account_detail.audit_of_account, name="account-audit"),
    path(f"{_ACCOUNT}credits/", account_credits.credits_page, name="account-credits"),
    path(f"{_ACCOUNT}credits/factor/", account_credits.set_factor, name="account-factor"),
    path(f"{_ACCOUNT}credits/<slug:product>/terms/", account_credits.set_terms,
         name="account-terms"),
    path(f"{_ACCOUNT}credits/<slug:product>/top-up/", account_credits.top_up,
         name="account-top-up"),
    path(f"{_ACCOUNT}credits/<slug:product>/take-back/", account_credits.take_back,
         name="account-take-back"),
    path(f"{_ACCOUNT}llms/", account_llms.llms_page, name="account-llms"),
    path(f"{_ACCOUNT}llms/save/", account_llms.save_offers, name="account-offers"),
    path(f"{_ACCOUNT}admins/", account_admins.admins_page, name="account-admins"),
    path(f"{_ACCOUNT}admins/appoint/", account_admins.appoint, name="account-admin-appoint"),
    path(f"{_ACCOUNT}admins/<uuid:user_id>/remove/", account_admins.remove,
         name="account-admin-remove"),
    path(f"{_ACCOUNT}admins/<uuid:user_id>/invite/", account_admins.invite_again,
         name="account-admin-invite"),
    path("llms/new/", new_llm.new_llm, name="llm-new"),
    path(_LLM, llm_detail.llm_page, name="llm"),
    path(f"{_LLM}details/", llm_detail.change_details, name="llm-details"),
    path(f"{_LLM}deployment/", llm_detail.change_deployment, name="llm-deployment"),
    path(f"{_LLM}price/", llm_detail.set_price, name="llm-price"),
    path(f"{_LLM}credential/", llm_detail.set_credential, name="llm-credential"),
    path(f"{_LLM}credential/remove/", llm_detail.remove_credential, name="llm-credential-remove"),
    path(f"{_LLM}retire/", llm_detail.retire, name="llm-retire"),
    path(f"{_LLM}restore/", llm_detail.restore, name="llm-restore"),
    path("super-admins/<uuid:user_id>/", super_admins.person, name="super-admin"),
    path("super-admins/new/", super_admins.add, name="super-admin-new"),
    path("super-admins/<uuid:user_id>/deactivate/", super_admins.deactivate,
         name="super-admin-deactivate"),
    path("super-admins/<uuid:user_id>/reactivate/", super_admins.reactivate,
         name="super-admin-reactivate"),
    path("super-admins/<uuid:user_id>/invite/", super_admins.invite_again,
         name="super-admin-invite"),
]  # fmt: skip
