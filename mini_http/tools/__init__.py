"""What stands on top: the command line and its parts, and the demo."""
