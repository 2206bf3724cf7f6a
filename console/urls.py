"""Routes of Console's pages."""

from console.pages import key, keys, start
from console.pages.first_steps import key_step
from console.product import PRODUCT
from core.ui.product.urls import product_urls
from tenants.selectors import credit_factor_of, offered_llms, withheld_features

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
    *start.urls(),
]
