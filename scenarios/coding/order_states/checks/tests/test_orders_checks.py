import itertools
import unittest
from unittest import mock

from orders import Line, NotAllowed, Order, OrderError, Service, audit, buttons, describe

EVENTS = ("place", "pay", "pack", "ship", "deliver", "cancel", "return", "receive", "steal")
TABLE = {
    "cart": {"place": "placed", "cancel": "cancelled"},
    "placed": {"pay": "paid", "cancel": "cancelled"},
    "paid": {"pack": "packed", "cancel": "cancelled"},
    "packed": {"ship": "shipped", "cancel": "returning"},
    "shipped": {"deliver": "delivered", "return": "returning"},
    "delivered": {"return": "returning"},
    "returning": {"receive": "returned"},
    "cancelled": {},
    "returned": {},
}
LABELS = {"place": "Order now", "pay": "Pay", "cancel": "Cancel", "return": "Send back", "receive": "Check in"}


class Checks(unittest.TestCase):
    def test_the_whole_table(self) -> None:
        from orders.states import TRANSITIONS, events_of, is_final

        wanted = {(state, event): after for state, ways in TABLE.items() for event, after in ways.items()}
        self.assertEqual(dict(TRANSITIONS), wanted)
        for state, ways in TABLE.items():
            self.assertEqual(events_of(state), sorted(ways))
            self.assertIs(is_final(state), not ways)

    def test_every_event_in_every_state(self) -> None:
        for state, event in itertools.product(TABLE, EVENTS):
            with self.subTest(state=state, event=event):
                order = Order(1, (Line("tea", 1, 100),), state)
                service = Service({"tea": 5})
                if event in TABLE[state]:
                    service.apply(order, event)
                    self.assertEqual((order.state, order.history), (TABLE[state][event], [(event, order.state)]))
                else:
                    with self.assertRaises(NotAllowed) as caught:
                        service.apply(order, event)
                    self.assertEqual(str(caught.exception), f"{event} is not possible for an order that is {state}")
                    self.assertEqual((order.state, order.history, service.stock["tea"]), (state, [], 5))

    def test_buttons_in_every_state(self) -> None:
        for state, ways in TABLE.items():
            labels = [LABELS.get(event, event.capitalize()) for event in sorted(ways)]
            self.assertEqual(buttons(Order(1, (), state), staff=True), labels)
            own = {"Pack", "Ship", "Deliver", "Check in"}
            self.assertEqual(buttons(Order(1, (), state)), [label for label in labels if label not in own])

    def test_texts_stay(self) -> None:
        last = {state: describe(Order(1, (), state)).endswith("Nothing more will happen.") for state in TABLE}
        self.assertEqual({state for state, said in last.items() if said}, {"cancelled", "returned"})

    def test_an_entry_taken_away_is_gone_everywhere(self) -> None:
        from orders.states import TRANSITIONS

        with mock.patch.dict(TRANSITIONS):
            del TRANSITIONS[("cart", "cancel")]
            with self.assertRaises(OrderError):
                Service({}).apply(Order(1, ()), "cancel")
            self.assertEqual(buttons(Order(1, ())), ["Order now"])
            self.assertEqual(len(audit([Order(1, (), "cancelled", [("cancel", "cancelled")])])), 1)


if __name__ == "__main__":
    unittest.main()
