import unittest

from patching import apply, diff, read, write

BLOCK = "begin\n  work\nend\n"


class Additions(unittest.TestCase):
    def test_our_patch_names_the_line_before(self) -> None:
        text = write(diff("a\nb\nc\n", "a\nb\nx\ny\nc\n", context=0))
        self.assertEqual(text.splitlines()[2:], ["@@ -2,0 +3,2 @@", "+x", "+y"])

    def test_a_patch_of_git_goes_in_after_the_line_it_names(self) -> None:
        hunks = read("@@ -2,0 +3,2 @@ def f():\n+x\n+y\n")
        self.assertEqual(apply("a\nb\nc\n", hunks), "a\nb\nx\ny\nc\n")

    def test_a_new_file(self) -> None:
        text = write(diff("", "a\nb\n"))
        self.assertEqual(text.splitlines()[2:], ["@@ -0,0 +1,2 @@", "+a", "+b"])
        self.assertEqual(apply("", read(text)), "a\nb\n")


class Blocks(unittest.TestCase):
    def test_the_second_hunk_changes_the_block_it_means(self) -> None:
        before = BLOCK * 8
        lines = before.splitlines()
        lines[16] = "  rest"
        lines[3:3] = ["# a comment", "# of three lines", "# in all"]
        after = "".join(f"{line}\n" for line in lines)
        self.assertEqual(apply(before, diff(before, after, context=1)), after)


if __name__ == "__main__":
    unittest.main()
