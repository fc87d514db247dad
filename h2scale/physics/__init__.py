"""Physics that is known without learning; imports nothing learned."""
