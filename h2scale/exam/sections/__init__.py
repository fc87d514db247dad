"""The sections of the exam: each asks a model a set of queries and grades its predictions."""
