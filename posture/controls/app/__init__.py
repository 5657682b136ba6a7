"""What the users of the product log in with: a realm where one is read, a person's word where none is."""
