"""What is analysed: a model and its inputs as a game over players, copied, checked and bound."""
