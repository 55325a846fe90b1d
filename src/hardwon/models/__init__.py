"""Language models behind one small interface: hosted, on this machine, scripted or recorded."""

from hardwon.models.caps import Caps
from hardwon.models.connect import connect, price_of, probably
from hardwon.models.estimate import Estimate, estimate
from hardwon.models.ledger import Ledger
from hardwon.models.local import LocalModel, LocalServer
from hardwon.models.prices import Price, PriceTable
from hardwon.models.protocol import CapReachedError, Model, ModelError, ResponseStore
from hardwon.models.replaying import ReplayModel
from hardwon.models.response_file import CacheError, ResponseFile, default_cache_path
from hardwon.models.settings import Settings

__all__ = [
    "CacheError",
    "CapReachedError",
    "Caps",
    "Estimate",
    "Ledger",
    "LocalModel",
    "LocalServer",
    "Model",
    "ModelError",
    "Price",
    "PriceTable",
    "ReplayModel",
    "ResponseFile",
    "ResponseStore",
    "Settings",
    "connect",
    "default_cache_path",
    "estimate",
    "price_of",
    "probably",
]
