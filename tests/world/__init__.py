"""The world the tests ask about: a simulated AWS, filled by a seeder that knows the truth about what it made."""
