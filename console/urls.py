"""Routes of Console's pages."""

from console.pages import (
    content,
    costs,
    deployment_health,
    deployments,
    key,
    keys,
    logs,
    own_llms,
    performance,
    playground,
    start,
)
from console.pages.first_steps import key_step
from console.product import PRODUCT
from console.selectors.own_llms import offered_llms
from core.ui.product.urls import product_urls
from tenants.selectors import credit_factor_of, withheld_features

app_name = "console"
urlpatterns = [
    *product_urls(
        PRODUCT,
        offered_llms=offered_llms,
        credit_factor=credit_factor_of,
        withheld_features=withheld_features,
        connect_step=key_step,
    ),
    *keys.urls(),
    *key.urls(),
    *logs.urls(),
    *content.urls(),
    *costs.urls(),
    *performance.urls(),
    *playground.urls(),
    *start.urls(),
    *own_llms.urls(),
    *deployment_health.urls(),
    *deployments.urls(),
]
