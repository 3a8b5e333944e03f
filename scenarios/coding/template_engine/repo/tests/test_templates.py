import unittest
from types import SimpleNamespace

from templates import Environment, TemplateError, render


class Values(unittest.TestCase):
    def test_values_are_escaped(self) -> None:
        self.assertEqual(render("Dear {{ name }},", name="A & <B>"), "Dear A &amp; &lt;B&gt;,")

    def test_paths(self) -> None:
        user = SimpleNamespace(name="Ada", address={"city": "Bern"})
        self.assertEqual(render("{{ user.name }} of {{user.address.city}}", user=user), "Ada of Bern")

    def test_a_missing_value_names_its_line(self) -> None:
        with self.assertRaisesRegex(TemplateError, "line 2: no value for user.name"):
            render("a\n{{ user.name }}", user={})

    def test_values_known_to_all(self) -> None:
        self.assertEqual(Environment({"shop": "Tea"}).render("{{ shop }}: {{ n }}{# no #}", n=None), "Tea: ")


class Tags(unittest.TestCase):
    def test_conditions(self) -> None:
        source = "{% if a %}A{% else %}-{% end %}{% if not b.c %}!{% end %}"
        self.assertEqual([render(source, a=a) for a in (1, 0)], ["A!", "-!"])

    def test_loops(self) -> None:
        source = "{% for row in rows %}{% for x in row %}{{ x }},{% end %};{% end %}"
        self.assertEqual(render(source, rows=[[1, 2], [], [3]]), "1,2,;;3,;")

    def test_what_is_no_template(self) -> None:
        for source in (
            "{{ a",
            "{% if a %}",
            "{% end %}",
            "{% while a %}{% end %}",
            "{{ a b }}",
            "{% if a %}{% else %}",
        ):
            with self.subTest(source), self.assertRaises(TemplateError):
                render(source, a=1)

    def test_a_text_is_not_gone_through(self) -> None:
        with self.assertRaisesRegex(TemplateError, "gone through"):
            render("{% for x in xs %}{% end %}", xs="abc")


if __name__ == "__main__":
    unittest.main()
