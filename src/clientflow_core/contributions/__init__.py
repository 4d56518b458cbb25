"""What a plugin may bring beside providers: frozen descriptions of what is done when."""
