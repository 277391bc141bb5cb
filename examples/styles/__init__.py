"""Three style pictures of our own, painted by arithmetic: strokes, woodcut, mosaic."""
