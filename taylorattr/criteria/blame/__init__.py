"""At which operation of a network the sum of an attribution breaks."""
