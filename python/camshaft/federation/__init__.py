"""Several controllers acting as one: a Client whose engines are those of all of them."""

from .client import FederatedClient

__all__ = ["FederatedClient"]
