import unittest

from templates import Environment, TemplateError, render


class Checks(unittest.TestCase):
    def test_texts_may_hold_anything(self) -> None:
        self.assertEqual(render('{{ xs | join(" | ") | lower }}', xs=["A", "B"]), "a | b")
        self.assertEqual(render('{{ xs | join(")") }}{{ none | default("a, b") }}', xs=["1", "2"]), "1)2a, b")

    def test_default_for_what_is_empty_but_not_for_zero_chained(self) -> None:
        source = '{{ x | default("-") | upper }}'
        self.assertEqual([render(source, x=x) for x in ("", None, [], "a")], ["-", "-", "-", "A"])
        self.assertEqual(render("{{ a.b.c | default(7) | fixed(1) }}"), "7.0")

    def test_arguments_of_every_kind(self) -> None:
        environment = Environment(filters={"show": lambda value, *rest: ":".join(map(repr, (value, *rest)))})
        found = environment.render('{{ a | show(1, -2.5, "x y", b.c) | safe }}', a=0, b={"c": None})
        self.assertEqual(found, "0:1:-2.5:'x y':None")
        with self.assertRaises(TemplateError):
            environment.render("{{ a | show(b.c) }}", a=0)

    def test_filters_can_be_replaced_for_one_environment(self) -> None:
        self.assertEqual(Environment(filters={"upper": lambda text: "U"}).render("{{ a | upper }}", a="x"), "U")
        self.assertEqual(render("{{ a | upper }}{{ a | lower }}{{ b | trim }}", a="x", b=" y "), "Xxy")

    def test_what_is_no_filter(self) -> None:
        for source in (
            "{{ a | }}",
            "{{ a | upper( }}",
            "{{ | upper }}",
            "{{ a | safe | upper }}",
            "{{ a | fixed(2,) ) }}",
        ):
            with self.subTest(source), self.assertRaises(TemplateError):
                Environment().template(source)

    def test_safe_only_where_it_stands(self) -> None:
        self.assertEqual(render("{{ a | safe }}{{ a }}", a="<"), "<&lt;")

    def test_loops_within_loops(self) -> None:
        source = (
            "{% for row in rows %}{{ loop.index }}:"
            "{% for x in row %}{{ loop.index }}{% if loop.first %}f{% end %}{% if loop.last %}l{% end %}"
            "{% else %}e{% end %}"
            ":{{ loop.index }}{% if loop.last %}.{% end %};{% end %}"
        )
        self.assertEqual(render(source, rows=[["a", "b"], [], ["c"]]), "1:1f2l:1;2:e:2;3:1fl:3.;")

    def test_outside_of_loops_the_name_is_free(self) -> None:
        self.assertEqual(render("{{ loop }}{% for x in xs %}{% end %}{{ loop }}", loop="L", xs=[1]), "LL")
        with self.assertRaises(TemplateError):
            render("{% for x in xs %}{% else %}{{ loop.index }}{% end %}", xs=[])

    def test_anything_that_can_be_gone_through_once(self) -> None:
        source = "{% for x in xs %}{{ x }}{% if loop.last %}.{% end %}{% else %}none{% end %}"
        self.assertEqual(render(source, xs=iter("ab")), "ab.")
        self.assertEqual(render(source, xs=iter("")), "none")

    def test_a_condition_in_a_loop_keeps_its_else(self) -> None:
        source = "{% for x in xs %}{% if x %}y{% else %}n{% end %}{% else %}none{% end %}"
        self.assertEqual([render(source, xs=xs) for xs in ([1, 0], [])], ["yn", "none"])


if __name__ == "__main__":
    unittest.main()
