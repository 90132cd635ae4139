"""What surrounds a call on its way to the tool, resource or prompt, over every transport."""
