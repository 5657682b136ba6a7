"""A simulated Keycloak: a token endpoint, and the part of the Admin REST API that enctop asks."""
