import itertools
import unittest

from fetching import Client, ConnectFailed, Policy, Request, Response, TimedOut
from tests.fakes import Clock, Server

ASKS = {"retry-after": "3"}


class Checks(unittest.TestCase):
    def test_every_method_and_outcome(self) -> None:
        for method, status in itertools.product(("GET", "PUT", "delete", "POST", "PATCH"), range(200, 600)):
            request = Request(method, "/")
            harmless = request.idempotent
            with self.subTest(method=method, status=status):
                bare = Policy().repeats(request, Response(status))
                asked = Policy().repeats(request, Response(status, ASKS))
                self.assertEqual(asked, status in (429, 503) or (harmless and status in (500, 502, 504)))
                # Of a bare 429 to a request that does harm, the change log and the complaint say different things.
                if status != 429 or harmless:
                    self.assertEqual(bare, harmless and status in (429, 500, 502, 503, 504))

    def test_errors_of_the_transport(self) -> None:
        for method, harmless in (("GET", True), ("PUT", True), ("POST", False), ("PATCH", False)):
            self.assertIs(bool(Policy().repeats(Request(method, "/"), TimedOut())), harmless)
            self.assertTrue(Policy().repeats(Request(method, "/"), ConnectFailed()))

    def test_a_wait_that_fits_is_taken(self) -> None:
        for total, attempts in ((10.5, 2), (9.5, 1)):
            clock = Clock()
            client = Client(Server(Response(503, {"Retry-After": "10"}), 200), clock.now, clock.sleep, total=total)
            client.send(Request("GET", "/"))
            self.assertEqual((client.attempts, sum(clock.slept)), (attempts, 10.0 * (attempts - 1)))

    def test_time_spent_waiting_for_answers_counts(self) -> None:
        clock = Clock()

        def slow(request: Request) -> Response:
            clock.time += 25
            raise TimedOut("late")

        client = Client(slow, clock.now, clock.sleep, Policy(attempts=9, first=1), total=60)
        with self.assertRaises(TimedOut):
            client.send(Request("GET", "/"))
        self.assertEqual((client.attempts, clock.slept), (3, [1, 2]))

    def test_one_attempt_is_one(self) -> None:
        clock = Clock()
        client = Client(Server(500), clock.now, clock.sleep, Policy(attempts=1))
        self.assertEqual((client.send(Request("GET", "/")).status, client.attempts, clock.slept), (500, 1, []))

    def test_attempts_are_of_the_last_request(self) -> None:
        clock = Clock()
        client = Client(Server(500, 200, 200), clock.now, clock.sleep)
        client.send(Request("GET", "/a"))
        self.assertEqual(client.attempts, 2)
        client.send(Request("GET", "/b"))
        self.assertEqual(client.attempts, 1)


if __name__ == "__main__":
    unittest.main()
