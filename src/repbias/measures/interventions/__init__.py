"""What a network does when one of its layers is edited."""
