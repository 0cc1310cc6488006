"""What a trained model does inside: gates, memory, and which words its answers come from."""
