"""Organizations, teams and members of Console."""

from console.product import PRODUCT
from core.ui.hierarchy.admin import register_hierarchy

register_hierarchy(PRODUCT)
