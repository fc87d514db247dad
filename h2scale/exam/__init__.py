"""The exam: any potential against exact physics, with checks that charge and spin reach it.

The engine lies here (`session` runs it); `sections` holds the questions, `calculators` the models, `references` the
curves that predictions are compared with. A section is added in `sections`, a model in `registry.yaml`.
"""
