import unittest

from orders import Line, NotAllowed, Order, OrderError, Service, audit, buttons, describe


def order(*events: str, service: Service | None = None) -> Order:
    made = Order(7, (Line("tea", 2, 450), Line("cup", 1, 1200)))
    leading = service or Service({"tea": 10, "cup": 3})
    for event in events:
        leading.apply(made, event)
    return made


class Leading(unittest.TestCase):
    def test_the_usual_way(self) -> None:
        done = order("place", "pay", "pack", "ship", "deliver")
        self.assertEqual(done.state, "delivered")
        self.assertEqual([event for event, _ in done.history], ["place", "pay", "pack", "ship", "deliver"])

    def test_what_is_not_possible_changes_nothing(self) -> None:
        service = Service({"tea": 10, "cup": 3})
        placed = order("place", service=service)
        with self.assertRaisesRegex(NotAllowed, "ship is not possible for an order that is placed"):
            service.apply(placed, "ship")
        self.assertEqual((placed.state, service.stock["tea"]), ("placed", 8))

    def test_there_must_be_enough(self) -> None:
        service = Service({"tea": 1, "cup": 3})
        with self.assertRaisesRegex(OrderError, "tea"):
            order("place", service=service)
        self.assertEqual(service.stock["cup"], 3)

    def test_cancelling_gives_back_what_was_taken(self) -> None:
        service = Service({"tea": 10, "cup": 3})
        order("place", "pay", "cancel", service=service)
        self.assertEqual((service.stock["tea"], service.taken, service.refunded), (10, 2100, 2100))

    def test_a_packed_order_comes_back_before_it_is_refunded(self) -> None:
        service = Service({"tea": 10, "cup": 3})
        made = order("place", "pay", "pack", "cancel", service=service)
        self.assertEqual((made.state, service.refunded, service.stock["tea"]), ("returning", 0, 8))
        service.apply(made, "receive")
        self.assertEqual((made.state, service.refunded, service.stock["tea"]), ("returned", 2100, 10))


class Auditing(unittest.TestCase):
    def test_what_the_service_did_is_clean(self) -> None:
        self.assertEqual(
            audit([order("place", "cancel"), order("place", "pay", "pack", "ship", "return", "receive")]), []
        )

    def test_what_cannot_have_happened(self) -> None:
        odd = Order(9, (), "delivered", [("place", "placed"), ("ship", "shipped"), ("deliver", "returned")])
        self.assertEqual(
            audit([odd]),
            [
                "order 9, step 2: ship while placed",
                "order 9, step 3: deliver leads to delivered, not to returned",
                "order 9: is delivered, its history ends returned",
            ],
        )


class Showing(unittest.TestCase):
    def test_one_line(self) -> None:
        self.assertEqual(describe(order("place")), "Order 7 (21.00): waiting for your payment.")
        self.assertEqual(describe(order("cancel")), "Order 7 (21.00): cancelled. Nothing more will happen.")
        self.assertEqual(describe(order("place", "pay", "pack", "ship", "deliver")), "Order 7 (21.00): delivered.")

    def test_buttons(self) -> None:
        self.assertEqual(buttons(order("place")), ["Cancel", "Pay"])
        self.assertEqual(buttons(order("place", "pay"), staff=True), ["Cancel", "Pack"])
        self.assertEqual(buttons(order("cancel"), staff=True), [])


if __name__ == "__main__":
    unittest.main()
