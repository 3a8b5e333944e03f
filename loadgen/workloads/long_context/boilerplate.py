"""Text of our own in a prompt: what it opens with, and what stands around documents and says nothing of any question,
for retrieval finds that all the same."""

OPENING = (
    "Answer the question at the end from these passages alone. Each is headed by its number, its source and the date "
    "of that copy; where copies differ, the one with the newest date is right.\n\n"
)

BOILERPLATE = (
    "Skip to content\nHome  Products  Documentation  Blog  Contact\nSearch\nTable of contents\nPrevious topic  "
    "Next topic\nThis page  Report a bug  Show source",
    "We use cookies to improve your experience on our site. By continuing to browse you accept our use of cookies. "
    "Manage preferences. Accept all. Reject all.",
    "All rights reserved. Permission to use, copy and distribute this document for any purpose without fee is hereby "
    "granted, provided that this notice appears in all copies. THE DOCUMENT IS PROVIDED AS IS, WITHOUT WARRANTY OF ANY "
    "KIND.",
    "Was this page helpful? Yes No\nLast updated by the documentation team. Subscribe to our newsletter for updates. "
    "Follow us. Share this article.",
    "Internal use only. If you have received this document in error, please notify the sender and delete it. The views "
    "expressed are those of the author.",
    "This file was generated automatically. Do not edit it by hand; changes will be lost when it is generated again.",
)
