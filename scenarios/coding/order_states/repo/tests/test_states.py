import unittest
from unittest import mock

from orders import NotAllowed, Order, Service, audit, buttons


class States(unittest.TestCase):
    def test_from_state_to_state(self) -> None:
        from orders.states import next_state

        self.assertEqual(next_state("cart", "place"), "placed")
        self.assertEqual(next_state("packed", "cancel"), "returning")
        with self.assertRaisesRegex(NotAllowed, "pay is not possible for an order that is cart"):
            next_state("cart", "pay")

    def test_what_is_possible(self) -> None:
        from orders.states import events_of, is_final

        self.assertEqual(events_of("paid"), ["cancel", "pack"])
        self.assertEqual(events_of("returned"), [])
        self.assertTrue(is_final("cancelled"))
        self.assertFalse(is_final("delivered"))


class OneTable(unittest.TestCase):
    def test_a_new_entry_is_known_everywhere(self) -> None:
        from orders.states import TRANSITIONS

        with mock.patch.dict(TRANSITIONS, {("placed", "hold"): "held", ("held", "cancel"): "cancelled"}):
            order = Order(3, ())
            service = Service({})
            for event in ("place", "hold"):
                service.apply(order, event)
            self.assertEqual(order.state, "held")
            self.assertEqual(buttons(order), ["Cancel"])
            self.assertEqual(audit([order]), [])


if __name__ == "__main__":
    unittest.main()
