"""What is known without learning; imports nothing learned."""
