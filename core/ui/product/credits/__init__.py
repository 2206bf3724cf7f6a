"""The credits pages of a product: the tree, one node, equal splits, files."""

from django.urls import URLPattern

from core.ui.product.credits import files, node, splits, tree
from core.ui.product.urls import ProductSite


def urls(site: ProductSite) -> list[URLPattern]:
    """Return the routes of all credits pages."""
    return [*tree.urls(site), *splits.urls(site), *files.urls(site), *node.urls(site)]
