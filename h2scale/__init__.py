"""h2scale: does scale teach a neural potential physics?"""
