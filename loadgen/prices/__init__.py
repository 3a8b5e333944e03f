"""What tokens cost: dated price lists, some of them shipped, and the price of a model at an instant.

    model    what a price list says, and the rates that hold at a time       shipped   the lists that come with loadgen

Read by the scenario (which accepts a list, or the name of one) and by the metrics' cost. Knows nothing of either, nor
of HTTP or Locust.
"""

from loadgen.prices.model import FlatPrices, ModelPrices, PriceList, Prices, Rates
from loadgen.prices.shipped import shipped_file, shipped_prices

__all__ = ["FlatPrices", "ModelPrices", "PriceList", "Prices", "Rates", "shipped_file", "shipped_prices"]
