import unittest

from fetching import ConnectFailed, Policy, Request, Response, TimedOut

GET, POST = Request("GET", "/orders"), Request("POST", "/orders")


class Repeating(unittest.TestCase):
    def test_what_repeating_may_mend(self) -> None:
        for outcome in (TimedOut(), ConnectFailed(), *map(Response, (429, 500, 502, 503, 504))):
            self.assertTrue(Policy().repeats(GET, outcome), outcome)

    def test_what_it_cannot_mend(self) -> None:
        for status in (400, 401, 404, 409, 501):
            self.assertFalse(Policy().repeats(GET, Response(status)), status)

    def test_an_order_is_not_sent_twice(self) -> None:
        for outcome in (TimedOut(), Response(500), Response(504)):
            self.assertFalse(Policy().repeats(POST, outcome), outcome)
        self.assertTrue(Policy().repeats(POST, ConnectFailed()))

    def test_a_good_answer_is_one(self) -> None:
        self.assertFalse(Policy().repeats(GET, Response(204)))


class Waiting(unittest.TestCase):
    def test_waits_double_up_to_the_longest(self) -> None:
        policy = Policy(first=1, longest=5)
        self.assertEqual([policy.wait(attempt, TimedOut()) for attempt in (1, 2, 3, 4, 5)], [1, 2, 4, 5, 5])

    def test_the_server_may_ask_for_more(self) -> None:
        policy = Policy(first=1, longest=5)
        self.assertEqual(policy.wait(1, Response(503, {"retry-after": "30"})), 30)
        self.assertEqual(policy.wait(3, Response(503, {"Retry-After": "1"})), 4)
        self.assertEqual(policy.wait(1, Response(503, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"})), 1)


if __name__ == "__main__":
    unittest.main()
