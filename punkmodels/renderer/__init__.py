"""A renderer: a small model that draws a punk from its type, accessories and skin tone."""
