"""Orders of customers."""

from loadgen.workloads.tools.tool import Arguments, Tool, identifier, number, taking, text
from loadgen.workloads.tools.world import RefusedCallError, World


def _get(world: World, given: Arguments) -> Arguments:
    return world.row("orders", given["order_id"])


def _list(world: World, given: Arguments) -> Arguments:
    world.row("customers", given["customer_id"])
    return {"orders": world.where("orders", "customer_id", given["customer_id"])}


def _cancel(world: World, given: Arguments) -> Arguments:
    order = world.row("orders", given["order_id"])
    if order["status"] != "open":
        raise RefusedCallError(f"order {given['order_id']} is {order['status']}, only an open one can be cancelled")
    order["status"] = "cancelled"
    return {"order_id": given["order_id"], "status": "cancelled"}


def _refund(world: World, given: Arguments) -> Arguments:
    order = world.row("orders", given["order_id"])
    # Whole cents: a hundredth of a cent more or less, as a model's own arithmetic may give, is no other amount.
    refunded = round(order["refunded"] + given["amount"], 2)
    if refunded > order["total"]:
        raise RefusedCallError(f"order {given['order_id']} has a total of {order['total']}, less than {refunded}")
    order["refunded"] = refunded
    return {"order_id": given["order_id"], "refunded": refunded}


def _address(world: World, given: Arguments) -> Arguments:
    world.row("orders", given["order_id"])["address"] = given["address"]
    return {"order_id": given["order_id"], "address": given["address"]}


_ORDER = identifier("Id of the order", "A")
_CUSTOMER = identifier("Id of the customer", "C")
_AMOUNT = number("How much, in the order's currency", exclusiveMinimum=0)
TOOLS = (
    Tool("get_order", "orders", "Get an order: status, total, refunds.", taking(order_id=_ORDER), _get),
    Tool("list_orders", "orders", "List all orders of a customer.", taking(customer_id=_CUSTOMER), _list),
    Tool("cancel_order", "orders", "Cancel an open order.", taking(order_id=_ORDER), _cancel),
    Tool("refund_order", "orders", "Refund an amount of an order.", taking(order_id=_ORDER, amount=_AMOUNT), _refund),
    Tool(
        "set_shipping_address",
        "orders",
        "Set the address that an order is shipped to.",
        taking(order_id=_ORDER, address=text("Street, place")),
        _address,
    ),
)
