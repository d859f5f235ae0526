"""How the sides become running programs."""
