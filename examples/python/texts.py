"""A few texts for the examples, and a question that one of them answers."""
TEXTS = [
    "A kitten sleeps on the sofa.",
    "Interest rates rose by a quarter of a point.",
    "The river froze over in January.",
    "She planted tomatoes behind the house.",
    "The train to Hamburg leaves at noon.",
]
QUESTION = "What did the bank decide?"
ANSWER = TEXTS[1]
