"""Documentation retrieval: stores behind the DocStore Protocol, embedders, and the ways to find what a task needs."""
