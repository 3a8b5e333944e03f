"""What the stock is worth, at the prices that were paid."""

from fractions import Fraction

from inventory.stock import Lot, Stock


def value_of(stock: Stock, lot: Lot) -> Fraction:
    """The worth of a lot in cents, not rounded."""
    amount = lot.quantity.within(stock.units, lot.per.unit).amount
    return amount / lot.per.amount * lot.price


def valuation(stock: Stock) -> dict[str, int]:
    """The worth of every article in cents, and that of all under "total"; each article is rounded half to even."""
    values = {
        article: round(sum((value_of(stock, lot) for lot in stock.lots(article)), Fraction(0)))
        for article in stock.articles
    }
    return {**values, "total": sum(values.values())}
