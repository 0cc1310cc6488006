"""What answers: ONNX graphs built from weights, and the sessions that run them. No Keras here."""
