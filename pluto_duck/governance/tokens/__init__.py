"""Access tokens of others (OAuth2, OpenID Connect): what is taken, and what a token makes of its bearer.

Nothing here asks the network: whoever holds an issuer's keys hands them in.
"""
