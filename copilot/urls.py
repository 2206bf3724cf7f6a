"""Routes of Copilot's pages."""

from copilot.product import PRODUCT
from core.ui.product.urls import product_urls
from tenants.selectors import credit_factor_of, offered_llms, withheld_features

app_name = "copilot"
urlpatterns = product_urls(
    PRODUCT,
    offered_llms=offered_llms,
    credit_factor=credit_factor_of,
    withheld_features=withheld_features,
)
