"""Methods that replace inputs and look at the output alone."""
