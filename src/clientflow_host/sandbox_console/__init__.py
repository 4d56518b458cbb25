"""The sandbox's console for people: the clients' telephones beside the business's own pages."""
