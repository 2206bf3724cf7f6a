"""Cockpit kit: the two admin sites, admin base class, pages, components."""
