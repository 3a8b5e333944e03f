"""Looking up customers and help articles by words."""

from loadgen.workloads.tools.tool import Arguments, Tool, identifier, taking, text
from loadgen.workloads.tools.world import World


def _customers(world: World, given: Arguments) -> Arguments:
    wanted = given["name"].casefold().strip()
    return {"customers": [row for row in world.tables["customers"].values() if wanted in row["name"].casefold()]}


def _customer(world: World, given: Arguments) -> Arguments:
    return world.row("customers", given["customer_id"])


def _articles(world: World, given: Arguments) -> Arguments:
    words = given["query"].casefold().split()
    found = [
        {"article_id": row["article_id"], "title": row["title"]}
        for row in world.tables["articles"].values()
        if any(word in row["title"].casefold() or word in row["text"].casefold() for word in words)
    ]
    return {"articles": found}


def _article(world: World, given: Arguments) -> Arguments:
    return world.row("articles", given["article_id"])


_ARTICLE = identifier("Id of the article", "K")
TOOLS = (
    Tool(
        "find_customers",
        "search",
        "Find customers by their name.",
        taking(name=text("The name, or a part")),
        _customers,
    ),
    Tool(
        "get_customer",
        "search",
        "Get a customer.",
        taking(customer_id=identifier("Id of the customer", "C")),
        _customer,
    ),
    Tool(
        "search_articles", "search", "Search the help articles for words.", taking(query=text("The words")), _articles
    ),
    Tool("get_article", "search", "Get a help article with its text.", taking(article_id=_ARTICLE), _article),
)
