import unittest

from ledger import LedgerError, balances, cents, money, read_entries, read_statement, summary, trial_balance

BOOKS = """date,debit,credit,amount,text,reference
2026-03-01,bank,capital,"10,000",start,
2026-03-02,rent,bank,850.5,March,R-3
2026-03-05,cash,bank,100,,
"""


class Money(unittest.TestCase):
    def test_there_and_back(self) -> None:
        self.assertEqual([cents(text) for text in ("12", "12.5", "-1,234.56", "+0.07")], [1200, 1250, -123456, 7])
        self.assertEqual([money(value) for value in (1200, -5, -123456)], ["12.00", "-0.05", "-1234.56"])

    def test_what_is_no_amount(self) -> None:
        for text in ("", "1.234", "12,34", "ten", "1 000"):
            with self.subTest(text), self.assertRaises(LedgerError):
                cents(text)


class Reading(unittest.TestCase):
    def test_entries(self) -> None:
        first, second, _ = read_entries(BOOKS)
        self.assertEqual((first.debit, first.amount, first.reference), ("bank", 1000000, ""))
        self.assertEqual((second.day.isoformat(), second.text, second.reference), ("2026-03-02", "March", "R-3"))

    def test_mistakes_name_their_line(self) -> None:
        for row, wanted in (("2026-13-01,a,b,1", "line 2: no date"), ("2026-03-01,a,a,1", "line 2: from a to itself")):
            with self.assertRaisesRegex(LedgerError, wanted):
                read_entries(f"date,debit,credit,amount\n{row}\n")
        with self.assertRaisesRegex(LedgerError, "no column amount"):
            read_statement("date,sum\n")


class Balances(unittest.TestCase):
    def test_of_every_account(self) -> None:
        entries = read_entries(BOOKS)
        self.assertEqual(balances(entries), {"bank": 904950, "capital": -1000000, "cash": 10000, "rent": 85050})
        self.assertEqual(trial_balance(entries), (1000000, 1000000))

    def test_a_summary(self) -> None:
        self.assertEqual(
            summary(read_entries(BOOKS)),
            "bank: 9049.50\ncapital: -10000.00\ncash: 100.00\nrent: 850.50\ntotal: 10000.00",
        )


if __name__ == "__main__":
    unittest.main()
