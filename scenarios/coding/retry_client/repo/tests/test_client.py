import unittest

from fetching import Client, Policy, Request, Response, TimedOut

from tests.fakes import Clock, Server

GET, POST = Request("GET", "/orders"), Request("POST", "/orders")


class Sending(unittest.TestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def client(self, server: Server, policy: Policy | None = None, total: float = 60.0) -> Client:
        return Client(server, self.clock.now, self.clock.sleep, policy, total)

    def test_again_until_it_works(self) -> None:
        client = self.client(Server(503, 503, 200), Policy(first=1))
        self.assertEqual(client.send(GET).status, 200)
        self.assertEqual((client.attempts, self.clock.slept), (3, [1, 2]))

    def test_after_the_last_attempt_nobody_waits(self) -> None:
        client = self.client(Server(500), Policy(attempts=3, first=1))
        self.assertEqual(client.send(GET).status, 500)
        self.assertEqual((client.attempts, self.clock.slept), (3, [1, 2]))

    def test_the_last_error_is_raised(self) -> None:
        client = self.client(Server(500, TimedOut("late")), Policy(attempts=2, first=1))
        with self.assertRaisesRegex(TimedOut, "late"):
            client.send(GET)
        self.assertEqual(self.clock.slept, [1])

    def test_a_wait_that_does_not_fit_is_not_begun(self) -> None:
        busy = Response(503, {"Retry-After": "45"})
        client = self.client(Server(busy), total=60)
        self.assertEqual(client.send(GET), busy)
        self.assertEqual((client.attempts, self.clock.slept), (2, [45]))

    def test_an_order_that_was_not_taken_is_sent_again(self) -> None:
        server = Server(Response(503, {"Retry-After": "2"}), 201)
        self.assertEqual(self.client(server, Policy(first=1)).send(POST).status, 201)
        self.assertEqual(self.clock.slept, [2])

    def test_a_good_answer_at_once(self) -> None:
        client = self.client(Server(200))
        self.assertEqual((client.send(POST).status, client.attempts, self.clock.slept), (200, 1, []))


if __name__ == "__main__":
    unittest.main()
