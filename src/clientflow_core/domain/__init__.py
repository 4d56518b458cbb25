"""What ClientFlow talks about: values and rules, without I/O, clock or any provider's name."""
