import unittest

from webroute import App, Request, Response
from webroute.middleware import access_log, only_for


def app(*middleware: object) -> App:
    made = App(*middleware)

    @made.route("GET", "/tenants/{tenant}/items/{item:int}")
    def item(request: Request) -> str:
        return f"{request.params['tenant']}:{request.params['item']}:{request.query.get('sort', '-')}"

    @made.route("GET", "/health")
    def health(request: Request) -> Response:
        return Response("ok", 200, {"Cache-Control": "no-store"})

    return made


class Handling(unittest.TestCase):
    def test_values_of_path_and_query(self) -> None:
        self.assertEqual(app().handle("GET", "/tenants/acme/items/7?sort=up").body, "acme:7:up")

    def test_a_response_is_passed_on(self) -> None:
        self.assertEqual(app().handle("GET", "/health").headers, {"Cache-Control": "no-store"})

    def test_errors_become_responses(self) -> None:
        self.assertEqual(app().handle("GET", "/nothing").status, 404)
        refused = app().handle("POST", "/health")
        self.assertEqual((refused.status, refused.headers), (405, {"Allow": "GET"}))


class Around(unittest.TestCase):
    def test_the_log_has_the_values(self) -> None:
        lines: list[str] = []
        app(access_log(lines)).handle("GET", "/tenants/acme/items/7?sort=up")
        self.assertEqual(lines, ["GET /tenants/acme/items/7 item=7 tenant=acme"])

    def test_a_guard_looks_at_the_tenant(self) -> None:
        guarded = app(only_for("admin"))
        self.assertEqual(guarded.handle("GET", "/tenants/acme/items/7").body, "only for admin")
        self.assertEqual(guarded.handle("GET", "/tenants/acme/items/7", {"X-Role": "admin"}).body, "acme:7:-")


class Bare(unittest.TestCase):
    def test_a_path_without_values_needs_no_role(self) -> None:
        request = Request("GET", "/health")
        self.assertEqual(request.query, {})
        self.assertEqual(Response("x").status, 200)


if __name__ == "__main__":
    unittest.main()
