import unittest

import webroute
from webroute import MethodMismatch, RouteError, Router


def show(request: object) -> str:
    return "show"


def save(request: object) -> str:
    return "save"


def router() -> Router:
    routes = Router()
    routes.add("get", "/users/{id:int}", show)
    routes.add("put", "/users/{id:int}", save)
    routes.add("get", "/files/{path:rest}", show, name="file")
    return routes


class Resolving(unittest.TestCase):
    def test_a_path_leads_to_a_handler_and_its_params(self) -> None:
        found = router().resolve("GET", "/users/7")
        self.assertIs(found.handler, show)
        self.assertEqual(found.params, {"id": 7})
        self.assertIsInstance(found, webroute.Resolution)

    def test_a_path_that_no_route_has(self) -> None:
        with self.assertRaises(webroute.RouteNotFound):
            router().resolve("GET", "/users/seven")

    def test_a_method_that_no_route_has(self) -> None:
        with self.assertRaises(MethodMismatch) as caught:
            router().resolve("DELETE", "/users/7")
        self.assertEqual(caught.exception.allowed, ("GET", "PUT"))


class Building(unittest.TestCase):
    def test_a_path_is_built_from_a_name(self) -> None:
        self.assertEqual(router().url_for("file", {"path": "a/b.txt"}), "/files/a/b.txt")
        self.assertEqual(router().url_for("save", params={"id": 7}), "/users/7")

    def test_an_unknown_name(self) -> None:
        with self.assertRaises(webroute.RouteNotFound):
            router().url_for("nobody")

    def test_values_that_do_not_fit(self) -> None:
        for params in ({}, {"id": "x"}, {"id": 1, "more": 2}):
            with self.subTest(params), self.assertRaises(RouteError):
                router().url_for("show", params)


class Adding(unittest.TestCase):
    def test_a_name_is_taken_once(self) -> None:
        with self.assertRaisesRegex(RouteError, "taken"):
            router().add("post", "/other", show)

    def test_patterns_that_are_none(self) -> None:
        for pattern in ("users", "/{id:uuid}", "/{a}/{a}"):
            with self.subTest(pattern), self.assertRaises(RouteError):
                Router().add("get", pattern, show)


if __name__ == "__main__":
    unittest.main()
