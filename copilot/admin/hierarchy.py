"""Organizations, teams and members of Copilot."""

from copilot.product import PRODUCT
from core.ui.hierarchy.admin import register_hierarchy

register_hierarchy(PRODUCT)
