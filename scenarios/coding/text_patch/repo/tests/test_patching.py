import unittest

from patching import Conflict, Malformed, apply, diff, read, write

BEFORE = "".join(
    f"{word}\n" for word in ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
)
AFTER = BEFORE.replace("two\n", "2\n").replace("nine\n", "")


class Making(unittest.TestCase):
    def test_the_text_of_a_patch(self) -> None:
        wanted = """--- a/n.txt
+++ b/n.txt
@@ -1,3 +1,3 @@
 one
-two
+2
 three
@@ -8,3 +8,2 @@
 eight
-nine
 ten
"""
        self.assertEqual(write(diff(BEFORE, AFTER, context=1), "n.txt"), wanted)

    def test_nothing_differs(self) -> None:
        self.assertEqual(write(diff(BEFORE, BEFORE)), "")


class Reading(unittest.TestCase):
    def test_what_was_written_is_read(self) -> None:
        for context in (1, 2, 3):
            hunks = diff(BEFORE, AFTER, context)
            self.assertEqual(read(write(hunks)), hunks)

    def test_what_is_no_patch(self) -> None:
        for text in (
            "hello\n",
            "@@ -1,2 +1,2 @@\n one\n",
            "@@ -1 +1 @@\n-a\n+b\n+c\n",
            "@@ -1,1 +1,2 @@\n one\n two\n",
        ):
            with self.subTest(text), self.assertRaises(Malformed):
                read(text)


class Applying(unittest.TestCase):
    def test_there_and_back(self) -> None:
        self.assertEqual(apply(BEFORE, diff(BEFORE, AFTER)), AFTER)
        self.assertEqual(apply(AFTER, diff(AFTER, BEFORE)), BEFORE)

    def test_a_file_that_has_moved_on(self) -> None:
        self.assertEqual(apply("zero\n" * 5 + BEFORE, diff(BEFORE, AFTER)), "zero\n" * 5 + AFTER)

    def test_a_hunk_that_fits_nowhere(self) -> None:
        with self.assertRaisesRegex(Conflict, "hunk 1"):
            apply("other\n", diff(BEFORE, AFTER))


if __name__ == "__main__":
    unittest.main()
