"""Providers with wire formats of their own on a local port: Anthropic, Google and AWS Bedrock."""

from tests.fakes.vendors.server import FakeVendors

__all__ = ["FakeVendors"]
