"""The five claims of arXiv:2509.26397, each with its rule, its verdict and the numbers behind it."""
