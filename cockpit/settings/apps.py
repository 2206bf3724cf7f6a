"""What lives in which schema."""

from cockpit.settings.base import ROOT

# unfold stands before django_tenants, which ships admin templates of its own.
_BOTH_BEFORE = (
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
)
_BOTH = (
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "core.identity",
    "core.audit",
    "core.vault",
    "core.api",
    "core.ui",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "guardian",
    "allauth",
    "allauth.account",
    "allauth.mfa",
)

SHARED_APPS = (
    *_BOTH_BEFORE,
    "django_tenants",
    *_BOTH,
    "django.contrib.humanize",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "csp",
    "rest_framework",
    "drf_spectacular",
    "django_structlog",
    "tenants",
    "superadmin",
    "cockpit",
)

TENANT_APPS = (
    *_BOTH_BEFORE,
    *_BOTH,
    "core.tenancy",
    "core.notifications",
    "core.access",
    "core.credits",
    "core.usage",
    "core.guardrails",
    "core.tokens",
    "core.people",
    "copilot",
    "console",
)

INSTALLED_APPS = (*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS))

TENANT_MODEL = "tenants.Account"
TENANT_DOMAIN_MODEL = "tenants.Domain"
DATABASE_ROUTERS = ("django_tenants.routers.TenantSyncRouter",)
# Without it every statement of a request would be preceded by another SET search_path.
TENANT_LIMIT_SET_CALLS = True

ROOT_URLCONF = "cockpit.urls_account"
PUBLIC_SCHEMA_URLCONF = "cockpit.urls_public"

MIDDLEWARE = (
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # These also mark what the choice of the account refuses.
    "core.tenancy.edge.EdgeMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "core.tenancy.middleware.AccountMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "core.ui.middleware.ActorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "core.ui.identity.middleware.RequireSecondFactor",
    "django_htmx.middleware.HtmxMiddleware",
)

TEMPLATES = (
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": (ROOT / "templates",),
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": (
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "core.ui.context.cockpit",
            ),
        },
    },
)

WSGI_APPLICATION = "cockpit.wsgi.application"
