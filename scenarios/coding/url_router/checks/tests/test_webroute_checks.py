import dataclasses
import inspect
import unittest

import webroute
from webroute import errors, router


class Checks(unittest.TestCase):
    def test_the_old_names_are_gone(self) -> None:
        for place in (webroute, errors, router):
            for name in ("Match", "NoMatch"):
                self.assertFalse(hasattr(place, name), f"{place.__name__}.{name}")
        self.assertFalse(hasattr(webroute.Router, "match"))
        for made in (webroute.Request("GET", "/"), webroute.Resolution(None)):
            self.assertFalse(hasattr(made, "args"))

    def test_what_the_package_offers(self) -> None:
        wanted = {"App", "MethodMismatch", "Pattern", "Request", "Resolution", "Response", "Route", "RouteError"}
        wanted |= {"RouteNotFound", "Router"}
        self.assertEqual(set(webroute.__all__), wanted)
        for name in wanted:
            self.assertTrue(hasattr(webroute, name), name)

    def test_fields_and_parameters(self) -> None:
        fields = [field.name for field in dataclasses.fields(webroute.Request)]
        self.assertEqual(fields, ["method", "path", "params", "query", "headers"])
        self.assertEqual([field.name for field in dataclasses.fields(webroute.Resolution)], ["route", "params"])
        self.assertEqual(list(inspect.signature(webroute.Route.build).parameters), ["self", "params"])
        self.assertEqual(list(inspect.signature(webroute.Router.url_for).parameters), ["self", "name", "params"])

    def test_errors_keep_their_family_and_status(self) -> None:
        self.assertTrue(issubclass(webroute.RouteNotFound, webroute.RouteError))
        self.assertEqual((webroute.RouteNotFound.status, webroute.MethodMismatch.status), (404, 405))
        self.assertEqual(str(webroute.RouteNotFound("/x")), "no route for /x")

    def test_a_route_without_values_is_built(self) -> None:
        routes = webroute.Router()
        route = routes.add("get", "/health", lambda request: "ok", name="health")
        self.assertEqual((route.build(), routes.url_for("health")), ("/health", "/health"))


if __name__ == "__main__":
    unittest.main()
