"""The three criteria of a rule on paper: by algebra, and by the smallest counterexample."""
