"""Methods that hand the output back through the operations of the captured program."""
