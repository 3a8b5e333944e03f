import unittest

from templates import Environment, TemplateError, render


class Filters(unittest.TestCase):
    def test_one_after_the_other(self) -> None:
        self.assertEqual(render('{{ words | join(", ") | upper }}', words=["a", "b"]), "A, B")
        self.assertEqual(render("{{ price | fixed(2) }} {{ name|trim|length }}", price=3, name=" ab "), "3.00 2")

    def test_what_stands_in(self) -> None:
        self.assertEqual(
            render('{{ nick | default(user.name) }}{{ x.y | default("-") }}', user={"name": "Ada"}), "Ada-"
        )
        with self.assertRaises(TemplateError):
            render("{{ nick | upper }}")

    def test_escaping_comes_last(self) -> None:
        self.assertEqual(render('{{ words | join(" & ") }}', words=["<a>"] * 2), "&lt;a&gt; &amp; &lt;a&gt;")
        self.assertEqual(render("{{ html | upper | safe }}", html="<b>"), "<B>")

    def test_an_unknown_filter_is_noticed_at_once(self) -> None:
        with self.assertRaisesRegex(TemplateError, "line 2.*shout"):
            Environment().template("\n{{ a | shout }}")
        loud = Environment(filters={"shout": lambda value, mark="!": f"{value}{mark}"})
        self.assertEqual(loud.render('{{ a | shout }}{{ a | shout("?") }}', a="x"), "x!x?")


class Loops(unittest.TestCase):
    def test_nothing_to_go_through(self) -> None:
        source = "{% for x in xs %}{{ x }}{% else %}none{% end %}"
        self.assertEqual([render(source, xs=xs) for xs in ([1, 2], [])], ["12", "none"])

    def test_where_a_loop_is(self) -> None:
        source = "{% for x in xs %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% end %}{% end %}"
        self.assertEqual(render(source, xs=["a", "b", "c"]), "1a, 2b, 3c")


if __name__ == "__main__":
    unittest.main()
